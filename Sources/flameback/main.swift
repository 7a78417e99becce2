import Flameback
let x = Tensor([1, 2, 3, -1, -2, 0, 0.5, 9].map(Float.init), shape: [8])
print(x.scalars(Float.self))
print((x + x).scalars(Float.self))
print((x + 2.0).scalars(Float.self))
print((x.exp()).scalars(Float.self))
print((x.sigmoid()).scalars(Float.self))
print((x.square()).scalars(Float.self))
print((x.sigmoid() * x + 2.0).scalars(Float.self))
