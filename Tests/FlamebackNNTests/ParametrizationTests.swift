import Flameback
import Testing

@Suite struct ParametrizationTests {
  @Test(arguments: [OrthogonalWeight.Map.matrixExp, .cayley, .householder], [[4, 4], [5, 3], [3, 5]])
  func orthogonalWeightsStayOrthogonal(map: OrthogonalWeight.Map, shape: [Int]) {
    let layer = Linear(shape[1], shape[0])
    layer.$weight.parametrize { OrthogonalWeight($0, map: map) }
    func isOrthogonal() -> Bool {
      let w = layer.weight.detached()
      let product = shape[0] < shape[1] ? w.matmul(w.t()) : w.t().matmul(w)
      return product.allClose(Tensor.eye(min(shape[0], shape[1])), atol: 1e-5)
    }
    #expect(isOrthogonal())
    let before = layer.weight.detached()
    let optimizer = SGD(layer.parameters(), lr: 0.1)
    (layer(Tensor.ones([2, shape[1]])) * Tensor.arange(shape[0], dtype: .float32)).sum().backward()
    optimizer.step()
    #expect(isOrthogonal() && !layer.weight.allClose(before))
  }

  @Test func olderNamesOfNorms() throws {
    let layer = Linear(3, 2)
    let weight = layer.weight.detached()
    layer.$weight.parametrize { InlineWeightNorm($0) }
    #expect(layer.stateDict().keys == ["bias", "weight_g", "weight_v"])
    #expect(layer.weight.allClose(weight))
    let other = Linear(3, 2)
    other.$weight.parametrize { InlineSpectralNorm($0) }
    #expect(other.stateDict().keys == ["bias", "weight_orig", "weight_u", "weight_v"])
    for _ in 0..<30 { _ = other.weight }
    #expect(abs(other.weight.detached().svdvals().amax().itemDouble() - 1) < 1e-3)
    other.eval()
    #expect(other.weight.detached().equal(other.weight.detached()), "evaluation iterates no further")
  }
}
