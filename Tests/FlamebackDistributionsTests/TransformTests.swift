import Flameback
import Testing

/// The numbers are PyTorch's.
@Suite struct DistributionTransformTests {
  private func tensor(_ values: [Double], _ shape: [Int]? = nil) -> Tensor {
    Tensor(values, shape: Shape(shape ?? [values.count]), dtype: .float64)
  }
  private func scalar(_ value: Double) -> Tensor { tensor([value], []) }

  private func expect(_ found: Tensor, _ values: [Double], _ place: SourceLocation = #_sourceLocation) {
    #expect(found.elementCount == values.count, sourceLocation: place)
    for (a, b) in zip(found.scalars(Double.self), values) {
      #expect(abs(a - b) < 1e-4 * max(1, abs(b)), sourceLocation: place)
    }
  }

  @Test func transformedDensities() {
    let base = Normal(scalar(0.5), scalar(1.5))
    let d = TransformedDistribution(base, [.affine(1.0, scalar(-2)), .exp])
    let x = tensor([0.3, 1.2, 2.5])
    expect(d.logProb(x), [-0.8941, -2.2017, -2.9805])
    expect(d.cdf(x), [0.3441, 0.5242, 0.6200])
    expect(d.icdf(tensor([0.1, 0.5, 0.8])), [0.0214, 1, 12.4892])
    let logistic = TransformedDistribution(
      Uniform(scalar(0), scalar(1)), [Transform.sigmoid.inverted, .affine(tensor([0, 1]), tensor([1, 2]))])
    #expect(logistic.batchShape == [2])
    expect(logistic.logProb(tensor([0.5, -1])), [-1.4482, -2.3197])
    let normal = Normal(scalar(0), scalar(1))
    expect(TransformedDistribution(normal, [.tanh]).logProb(scalar(0.4)), [-0.8343])
    expect(TransformedDistribution(normal, [.softplus]).logProb(scalar(0.4)), [-0.0611])
    let power = TransformedDistribution(Exponential(scalar(1)), [.power(scalar(2))])
    expect(power.logProb(scalar(0.4)), [-0.8675])
  }

  @Test func vectorsOfProbabilities() {
    let base = Independent(Normal(tensor([0, 0]), tensor([1, 1])), 1)
    let d = TransformedDistribution(base, [.stickBreaking])
    #expect(d.eventShape == [3] && d.batchShape == [])
    expect(d.logProb(tensor([0.2, 0.3, 0.5])), [1.2980])
    expect(Transform.stickBreaking(tensor([0.4, -1])), [0.4272, 0.1540, 0.4187])
    let draws = d.sample(5)
    #expect(draws.shape == [5, 3] && draws.sum(dim: -1).allClose(Tensor.ones([5], dtype: .float64)))
  }

  @Test func inversesComeBack() {
    let x = tensor([0.3, -1.2, 2.5])
    let maps: [Transform] = [
      .identity, .sigmoid, .tanh, .softplus, .exp, .affine(1.0, scalar(-2)), .stickBreaking,
      .compose([.affine(0.5, scalar(3)), .sigmoid]), .reshape([3], [3, 1]),
    ]
    for map in maps { #expect(map.inverse(map(x)).allClose(x, rtol: 1e-4), "\(map.name)") }
    let matrix = tensor([1, 0, 2, 3], [2, 2])
    #expect(Transform.lowerCholesky.inverse(Transform.lowerCholesky(matrix)).allClose(matrix))
    // ln |det| against the derivative.
    for map in [Transform.sigmoid, .tanh, .softplus, .exp] {
      let slope = jacobian({ [map($0[0])] }, [x])[0][0].diagonal().abs().log()
      #expect(map.logAbsDetJacobian(x, map(x)).allClose(slope, rtol: 1e-4), "\(map.name)")
    }
  }

  @Test func independentDimensionsAddUp() {
    let p = Independent(Normal(tensor([0, 0, 0]), tensor([1, 2, 3])), 1)
    let q = Independent(Normal(tensor([1, 1, 1]), tensor([1, 1, 1])), 1)
    #expect(p.batchShape == [] && p.eventShape == [3])
    expect(p.entropy(), [6.0486])
    expect(klDivergence(p, q), [5.2082])
    #expect(p.expand([4]).sample(2).shape == [2, 4, 3])
  }

  @Test func mixtures() {
    let weights = Categorical(probs: tensor([0.2, 0.3, 0.5]))
    let m = MixtureSameFamily(weights, Normal(tensor([-1, 0, 2]), tensor([1, 0.5, 2])))
    expect(m.mean, [0.8])
    expect(m.variance, [3.835])
    expect(m.logProb(tensor([0, 1])), [-1.0548, -2.0310])
    expect(m.cdf(scalar(0.5)), [0.5524])
    let vectors = MixtureSameFamily(
      Categorical(probs: tensor([0.4, 0.6])), Independent(Normal(tensor([0, 1, 2, 3], [2, 2]), scalar(1)), 1))
    #expect(vectors.eventShape == [2] && vectors.sample(3).shape == [3, 2])
    expect(vectors.mean, [1.2, 2.2])
    expect(vectors.variance, [1.96, 1.96])
    expect(vectors.logProb(tensor([0.5, 1])), [-2.8071])
  }

  @Test func correlations() {
    let d = LKJCholesky(3, scalar(1.5))
    let matrix = tensor([1, 0.3, -0.2, 0.3, 1, 0.1, -0.2, 0.1, 1], [3, 3])
    expect(d.logProb(matrix.cholesky()), [-1.1565])
    let factor = d.sample(4)
    #expect(factor.shape == [4, 3, 3])
    let squares = factor.matmul(factor.mT).diagonal(dim1: -2, dim2: -1)
    #expect(squares.allClose(Tensor.ones([4, 3], dtype: .float64)))
  }
}
