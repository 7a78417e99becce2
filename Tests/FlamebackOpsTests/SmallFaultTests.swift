import Flameback
import FlamebackTesting
import Testing

/// Single faults of functions, with PyTorch 2.15's values.
@Suite struct SmallFaultTests {
  private static let modes: [(GridPaddingMode, GridSampleMode, [Double], Double)] = [
    (.zeros, .bilinear, [.nan, 0], .nan), (.zeros, .bilinear, [0, .nan], .nan),
    (.zeros, .bilinear, [.infinity, 0], .nan),
    (.zeros, .nearest, [.nan, 0], 0), (.zeros, .bicubic, [.nan, 0], .nan), (.border, .bilinear, [.nan, 0], 2),
    (.border, .bilinear, [0, .nan], 1.5), (.border, .bilinear, [.infinity, 0], 3), (.border, .nearest, [.nan, 0], 1),
    (.border, .bicubic, [.nan, 0], .nan), (.reflection, .bilinear, [.nan, 0], 2),
    (.reflection, .nearest, [0, .nan], 1),
    (.reflection, .bicubic, [0, .nan], .nan),
  ]

  @Test(arguments: modes.indices) func placesThatAreNoNumbers(_ i: Int) {
    let (padding, mode, place, expected) = Self.modes[i]
    let x = Tensor([[[[1.0, 2.0], [3.0, 4.0]]]], requiresGrad: true)
    let grid = Tensor([[[place]]])
    let y = x.gridSample(grid, mode: mode, paddingMode: padding)
    #expect(
      y.itemDouble() == expected || y.itemDouble().isNaN && expected.isNaN, "\(padding) \(mode): \(y.itemDouble())")
    y.sum().backward()
    #expect(x.grad?.isNaN().any().item().bool == false)
  }

  @Test func theNearestQuantileIsSoughtInDoublePrecision() {
    let x = Tensor.arange(6.0)
    let q = [0.1, 0.3, 0.5, 0.7, 0.9]
    #expect(q.map { x.quantile($0, interpolation: .nearest).itemDouble() } == [1, 2, 2, 3, 4])
    let wide = x.to(.float64)
    #expect(q.map { wide.quantile($0, interpolation: .nearest).itemDouble() } == [0, 2, 2, 4, 4])
    let many = Tensor([0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65])
    #expect(
      Tensor.arange(11.0).quantile(many, interpolation: .nearest).scalars(Double.self) == [1, 2, 2, 3, 4, 6, 6])
  }

  @Test func modesOfNaN() {
    let cases: [([Double], Double, Int)] = [
      ([.nan, 1, .nan, 1, 2], .nan, 0), ([.nan, .nan, 1], .nan, 0), ([2, 1, .nan, 1], 1, 1), ([.nan, 1, 2], .nan, 0),
      ([1, .nan, 2, .nan, .nan], 1, 0), ([.nan], .nan, 0),
    ]
    for (values, expected, place) in cases {
      let mode = Tensor(values).mode()
      let value = mode.values.itemDouble()
      #expect(value == expected || value.isNaN && expected.isNaN, "\(values): \(value)")
      #expect(mode.indices.itemInt() == place, "\(values)")
    }
  }

  @Test func numbersThatAreNoIntegers() throws {
    for value in [Double.nan, .infinity, -.infinity, 1e30, -1e19] {
      #expect(throws: OpError.self) { try withErrors { _ = Tensor([value]).itemInt() } }
    }
    #expect(try withErrors { Tensor([-1.5]).itemInt() } == -1)
    #expect(try withErrors { Tensor([Int.max]).itemInt() } == .max)
  }

  @Test func covariancesAroundALargeMean() {
    let x = Tensor([[1.0, 2.0, 4.0], [3.0, 5.0, 4.0]])
    for offset in [0.0, 1e4, 1e6] {
      let c = (x + offset).cov().scalars(Double.self)
      for (a, b) in zip(c, [7.0 / 3, 0.5, 0.5, 1]) { #expect(abs(a - b) < 1e-5, "\(offset): \(c)") }
    }
    let weighted = x.cov(fweights: Tensor([1, 2, 3])).scalars(Double.self)
    for (a, b) in zip(weighted, [1.7667, 0.0333, 0.0333, 0.5667]) { #expect(abs(a - b) < 1e-4) }
    #expect(abs((x + 1e4).corrcoef()[0, 1].itemDouble() - 0.3273268) < 1e-4)
  }

  @Test func combinationsAreInOrder() {
    let x = Tensor([1, 2, 3])
    #expect(x.combinations(2).scalars(Int.self) == [1, 2, 1, 3, 2, 3])
    #expect(x.combinations(2, withReplacement: true).scalars(Int.self) == [1, 1, 1, 2, 1, 3, 2, 2, 2, 3, 3, 3])
    #expect(x.combinations(3).scalars(Int.self) == [1, 2, 3])
    #expect(x.combinations(4).shape == [0, 4])
    #expect(x.combinations(0).shape == [0])
    #expect(Tensor.zeros(0).combinations(2).shape == [0, 2])
    #expect(Tensor([7]).combinations(3, withReplacement: true).scalars(Int.self) == [7, 7, 7])
    #expect(Tensor.arange(5).combinations(3).shape == [10, 3])
    #expect(Tensor.arange(4).combinations(3, withReplacement: true).shape == [20, 3])
  }
}
