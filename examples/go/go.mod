module sockleak.example/go

go 1.16
