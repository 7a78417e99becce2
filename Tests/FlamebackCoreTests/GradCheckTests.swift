import Flameback
import FlamebackCore
import FlamebackTesting
import Testing

@Suite struct GradCheckTests {
  @Test func acceptsRightGradients() throws {
    let x = Tensor([0.3, -1.2, 2.0], shape: [3])
    let y = Tensor([1.5, 0.7, -0.2], shape: [3])
    let function: ([Tensor]) -> [Tensor] = { [($0[0] * $0[1]).exp(), $0[0] / $0[1]] }
    try gradcheck(function, [x, y])
    try gradgradcheck(function, [x, y])
  }

  @Test func acceptsComplexGradients() throws {
    let x = Tensor([Complex(0.3, 0.5), Complex(-1.2, 0.1)], shape: [2])
    try gradcheck({ [$0[0] * $0[0], $0[0].abs()] }, [x])
    try gradgradcheck({ [$0[0] * $0[0].exp()] }, [x])
  }

  @Test func findsWrongGradients() {
    let wrong = Elementwise("wrong", gradient: { g, x, y in g * x }) { x in x * x }
    let x = Tensor([0.3, -1.2], shape: [2])
    #expect(throws: GradCheckError.self) { try gradcheck({ [wrong($0[0])] }, [x]) }
  }
}
