"""Reading and writing of pictures and fields, sizes, and the record of settings."""
