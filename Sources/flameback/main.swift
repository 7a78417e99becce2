import Flameback
let x = Tensor([1, 2, 3, -1, -2, 0, 0.5, 9].map(Float.init), shape: [8])
for _ in 0..<3 { print((x * x).scalars(Float.self)) }
print((x.square()).scalars(Float.self))
print((x + x).scalars(Float.self))
print((x - x).scalars(Float.self))
print((x.exp()).scalars(Float.self))
let d = x.to(.float64)
for _ in 0..<3 { print((d * d).scalars(Double.self)) }
