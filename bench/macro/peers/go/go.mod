module millrace.bench/reverseproxy

go 1.19
