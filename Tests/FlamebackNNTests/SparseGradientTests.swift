import Flameback
import Testing

@Suite struct SparseGradientTests {
  private let words = Tensor([1, 3, 1, 0], shape: [2, 2])

  @Test func sparseGradientsEqualDenseOnes() {
    let dense = Embedding(5, 3, paddingIdx: 0)
    let sparse = Embedding(5, 3, paddingIdx: 0, sparse: true, weight: dense.weight.detached())
    for layer in [dense, sparse] {
      layer(words).square().sum().backward()
      layer(words).sum().backward()
    }
    let gradient = sparse.$weight.sparseGrad!
    #expect(gradient.storedCount == 6 && gradient.shape == [5, 3])
    #expect(dense.$weight.sparseGrad == nil)
    #expect(gradient.toDense().allClose(dense.$weight.grad!) && sparse.$weight.grad!.allClose(dense.$weight.grad!))
    sparse.zeroGrad()
    #expect(sparse.$weight.sparseGrad == nil && sparse.$weight.grad == nil)
  }

  /// A parameter that is also used elsewhere has a dense gradient: the sum.
  @Test func sparseAndDenseGradientsAddUp() {
    let layer = Embedding(5, 3, sparse: true)
    (layer(words).sum() + layer.weight.sum()).backward()
    #expect(layer.$weight.sparseGrad == nil)
    let expected: [Float] = [2, 3, 1, 2, 1]
    #expect(layer.$weight.grad!.select(dim: 1, index: 0).scalars(Float.self) == expected)
  }

  @Test func sparseAdamLeavesOtherRowsAlone() throws {
    let layer = Embedding(5, 3, sparse: true)
    let before = layer.weight.detached()
    let optimizer = SparseAdam(layer.parameters(), lr: 0.1)
    layer(words).sum().backward()
    optimizer.step()
    let moved = (before - layer.weight.detached()).abs().amax(dim: 1).scalars(Float.self)
    #expect(moved[2] == 0 && moved[4] == 0)
    #expect([0, 1, 3].allSatisfy { abs(moved[$0] - 0.1) < 1e-4 })
    layer.zeroGrad()
    layer.weight.sum().backward()
    #expect(throws: OpError.self) { try withErrors { optimizer.step() } }
  }

  @Test func sparseBags() {
    let dense = EmbeddingBag(5, 3, mode: .mean)
    let sparse = EmbeddingBag(5, 3, mode: .mean, sparse: true, weight: dense.weight.detached())
    for layer in [dense, sparse] { layer(words).square().sum().backward() }
    #expect(sparse.$weight.sparseGrad!.toDense().allClose(dense.$weight.grad!))
  }
}
