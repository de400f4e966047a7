module landings

go 1.26
