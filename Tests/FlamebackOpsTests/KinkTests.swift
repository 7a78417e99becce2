import Flameback
import FlamebackTesting
import Testing

/// A function at points where its derivative jumps or has a pole, with PyTorch's gradients of the sum of its results.
struct Kink: Sendable, CustomTestStringConvertible {
  let name: String
  let x: [Double]
  let y: [Double]
  let gradientX: [Double]
  let gradientY: [Double]
  let function: @Sendable (Tensor, Tensor) -> Tensor

  init(
    _ name: String, _ x: [Double], _ y: [Double], _ gradientX: [Double], _ gradientY: [Double],
    _ function: @escaping @Sendable (Tensor, Tensor) -> Tensor
  ) {
    (self.name, self.x, self.y) = (name, x, y)
    (self.gradientX, self.gradientY) = (gradientX, gradientY)
    self.function = function
  }

  var testDescription: String { name }
}

/// PyTorch 2.15's side of each kink, from `torch.autograd` in float64.
@Suite struct KinkTests {
  @Test(arguments: Kink.all) func gradientsAtKinksArePyTorchs(_ kink: Kink) {
    let x = Tensor(kink.x, shape: [kink.x.count], requiresGrad: true)
    let y = Tensor(kink.y, shape: [kink.y.count], requiresGrad: true)
    kink.function(x, y).sum().backward()
    func expect(_ tensor: Tensor, _ expected: [Double], _ what: String) {
      let found = tensor.grad?.scalars(Double.self) ?? expected.map { _ in 0 }
      for (a, b) in zip(found, expected) {
        let isEqual = a == b || a.isNaN && b.isNaN || abs(a - b) <= 1e-9 * max(1, abs(b))
        #expect(isEqual, "\(kink.name), \(what): \(found), PyTorch \(expected)")
      }
    }
    expect(x, kink.gradientX, "first")
    if !kink.y.isEmpty { expect(y, kink.gradientY, "second") }
  }
}
