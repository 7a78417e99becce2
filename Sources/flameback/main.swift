print("flameback")
