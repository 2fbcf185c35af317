"""Names of files and folders that a shell, a format string or a parser of options would take apart."""

ODD = ["-a b 'c' \"d\"", "--help", "é 木 ñ 100% %s %d", "$HOME `x` {i} {seed} & ;#[a]*?~"]
