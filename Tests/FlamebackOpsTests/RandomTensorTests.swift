import Flameback
import Testing

@Suite struct RandomTensorTests {
  @Test func streamsAreThoseOfPyTorch() {
    let g = Generator(seed: 0)
    #expect(Tensor.rand(2, generator: g).scalars(Float.self) == [0.49625659, 0.76822180])
    g.manualSeed(0)
    #expect(Tensor.randperm(5, generator: g).scalars(Int.self) == [4, 0, 1, 3, 2])
    g.manualSeed(42)
    #expect(Tensor.randint(0, 10, [5], generator: g).scalars(Int.self) == [2, 7, 6, 4, 6])
  }

  @Test func theDefaultGeneratorBelongsToTheScope() {
    let (a, b) = withGenerator(Generator(seed: 7)) {
      let first = Tensor.randn(20)
      manualSeed(7)
      return (first, Tensor.randn(20))
    }
    #expect(a.equal(b))
  }

  @Test func stateCanBeRestored() {
    let g = Generator(seed: 3)
    _ = Tensor.randn(3, generator: g)
    let state = g.state
    let a = Tensor.randn(3, generator: g)
    g.state = state
    #expect(a.equal(Tensor.randn(3, generator: g)))
  }

  @Test func dropoutScalesWhatItKeeps() {
    let x = Tensor.ones(1000, requiresGrad: true)
    let y = x.dropout(0.25, generator: Generator(seed: 1))
    let values = Set(y.scalars(Float.self))
    #expect(values == [0, 1 / 0.75])
    y.sum().backward()
    #expect(x.grad!.equal(y.detached()))
    #expect(x.dropout(0.25, training: false).equal(x))
  }

  @Test func wrongParametersAreReported() {
    #expect(throws: OpError.self) { try withErrors { Tensor.ones(3).bernoulli(1.5) } }
    #expect(throws: OpError.self) { try withErrors { Tensor.randint(5, 5, [1]) } }
    #expect(throws: OpError.self) { try withErrors { Tensor([0.0, 0]).multinomial(1) } }
    #expect(throws: OpError.self) { try withErrors { Tensor([1, 2]).uniform() } }
  }
}
