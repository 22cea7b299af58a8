"""The variants that come with the program, a TOML file each."""
