import Flameback

// The README's program: two classes, inside and outside a circle.

final class Net: Module, UnaryLayer {
  let hidden = Linear(2, 16)
  let out = Linear(16, 2)
  func callAsFunction(_ x: Tensor) -> Tensor { out(hidden(x).tanh()) }
}

manualSeed(0)
let points = Tensor.rand([512, 2]) * 2 - 1
let labels = (points.square().sum(dim: 1) .< 0.5).to(.int64)
let loader = DataLoader(TensorDataset(points, labels), batchSize: 32, shuffle: true)

let model = Net()
let optimizer = Adam(model.parameters(), lr: 0.01)
for epoch in 1...40 {
  var total = 0.0
  for (x, y) in loader {
    optimizer.zeroGrad()
    let loss = model(x).crossEntropy(y)
    loss.backward()
    optimizer.step()
    total += loss.itemDouble()
  }
  print("epoch \(epoch): loss \(total / Double(loader.count))")
}
let correct = noGrad { (model(points).argmax(dim: 1) .== labels).sum().itemInt() }
let accuracy = Double(correct) / 512
print("accuracy \(accuracy)")
precondition(accuracy > 0.95, "the network should have learned the circle")
try model.stateDict().save("net.pth")
