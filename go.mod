module gumshoe

go 1.26
