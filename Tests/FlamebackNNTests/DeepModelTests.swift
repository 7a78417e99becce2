import Flameback
import Testing

@Suite struct DeepModelTests {
  @Test func aModelOfAThousandLayersTrains() {
    manualSeed(0)
    var layers: [any UnaryLayer] = []
    for _ in 0..<500 { layers += [Linear(4, 4), Tanh()] }
    let model = Sequential(layers)
    // Near the identity, so that a signal reaches the first layer.
    noGrad {
      for case let layer as Linear in layers { layer.weight = Tensor.eye(4) * 1.0 + layer.weight * 0.01 }
    }
    let optimizer = SGD(model.parameters(), lr: 0.01)
    let x = Tensor.randn([8, 4]) * 0.1
    var losses: [Double] = []
    for _ in 0..<3 {
      optimizer.zeroGrad()
      let loss = (model(x) - 0.05).square().mean()
      loss.backward()
      optimizer.step()
      losses.append(loss.itemDouble())
    }
    #expect(losses[2] < losses[0])
    #expect(model.parameters().allSatisfy { $0.grad?.isFinite().all().itemInt() == 1 })
  }
}
