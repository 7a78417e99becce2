import Flameback
import FlamebackTesting
import Testing

@Suite struct IndexingTests {
  private let x = Tensor.arange(24).view(2, 3, 4)

  @Test func viewsShareMemory() {
    for view in [x[0], x[..., 1], x[0..., 1..., .every(2)], x[.newAxis], x[-1, ...(-2)], x[1...1]] {
      #expect(view.sharesStorage(with: x))
    }
    #expect(x[0..., [0, 2]].sharesStorage(with: x) == false)
  }

  @Test func integersRangesAndNewAxes() {
    #expect(x[1, 2, 3].itemInt() == 23)
    #expect(x[-1, -1, -1].itemInt() == 23)
    #expect(x[0, 1..., 2].scalars(Int.self) == [6, 10])
    #expect(x[0..., .slice(2, nil), ..<1].shape == [2, 1, 1])
    #expect(x[.ellipsis, 2].shape == [2, 3])
    #expect(x[..., 2].shape == [2, 3])
    #expect(x[0, .newAxis, .all, 0].scalars(Int.self) == [0, 4, 8])
    #expect(x[.slice(10, 20)].shape == [0, 3, 4])
    #expect(x[true].shape == [1, 2, 3, 4])
    #expect(x[false].shape == [0, 2, 3, 4])
  }

  @Test func indexArraysFollowNumPy() {
    let i = Tensor([0, 1])
    // Neighbouring arrays stay in place, separated ones move to the front.
    #expect(x[0..., i, i].shape == [2, 2])
    #expect(x[i, 0..., i].shape == [2, 3])
    #expect(x[0..., Tensor([[0, 1], [2, 0]])].shape == [2, 2, 2, 4])
    #expect(x[i, Tensor([2, 0]), Tensor([3, 1])].scalars(Int.self) == [11, 13])
    #expect(x[x .> 20].scalars(Int.self) == [21, 22, 23])
    #expect(x[0, Tensor([true, false, true])].scalars(Int.self) == [0, 1, 2, 3, 8, 9, 10, 11])
  }

  @Test func assignmentChangesOneVariable() {
    var y = x
    y[0, 1] = Tensor([9, 9, 9, 9])
    y[..., 0] = -1
    y[y .== 9] = 7
    #expect(y[0].scalars(Int.self) == [-1, 1, 2, 3, -1, 7, 7, 7, -1, 9, 10, 11].map { $0 == 9 ? 7 : $0 })
    #expect(x.scalars(Int.self) == Array(0..<24))
    var z = y[1]
    z[0] = 0
    #expect(y[1, 0].scalars(Int.self) == [-1, 13, 14, 15])
    y[1] += 1
    #expect(y[1, 0].scalars(Int.self) == [0, 14, 15, 16])
  }

  @Test func assignmentWritesInPlaceWhereNobodyElseLooks() {
    var y = Tensor.zeros(1000)
    y[0] = 1
    let address = y.withHostBytes { $0.baseAddress }
    for i in 0..<10 { y[i] = Tensor(2.0) }
    #expect(y.withHostBytes { $0.baseAddress } == address)
    let copy = y
    y[5] = 3
    #expect(copy[5].itemDouble() == 2 && y[5].itemDouble() == 3)
    var expanded = Tensor.zeros(1).expand(4)
    expanded[0] = 1
    #expect(expanded.scalars(Int.self) == [1, 0, 0, 0])
  }

  @Test func assignmentHasTheGradientOfItsParts() throws {
    let base = Tensor.randn(3, 4, dtype: .float64)
    let values = Tensor.randn(4, dtype: .float64)
    try gradcheck(
      { inputs in
        var y = inputs[0] * 2
        y[1] = inputs[1]
        y[[0, 2], [3, 3]] = inputs[1][0]
        y[0..., 1...2] += 1
        return [y * y]
      }, [base, values])
  }

  @Test func gradientsOfIndexing() throws {
    let x = Tensor.randn(3, 4, 2, dtype: .float64)
    let i = Tensor([0, 2, 0])
    try gradcheck({ [$0[0][i], $0[0][0..., i, 1], $0[0][i, .newAxis, i], $0[0][1, .ellipsis, 0]] }, [x])
    try gradcheck({ [$0[0].gather(dim: 1, index: Tensor([[[0, 1], [3, 3]]]))] }, [x])
    try gradcheck({ [$0[0].unfold(dim: 1, size: 3, step: 1), $0[0].diagonal(dim1: 0, dim2: 2)] }, [x])
    try gradcheck({ [$0[0].sort(dim: 1).values, $0[0].topk(2, dim: 0).values] }, [x])
    try gradcheck({ [$0[0].asStrided([2, 2, 2], [1, 1, 3])] }, [x])
    for reduce in [ScatterReduction.sum, .prod, .mean, .amax, .amin] {
      for includeSelf in [true, false] {
        try gradcheck(
          {
            [
              $0[0].scatterReduce(
                dim: 0, index: Tensor([0, 0, 2]), src: $0[1], reduce: reduce, includeSelf: includeSelf)
            ]
          },
          [Tensor.randn(4, dtype: .float64), Tensor.randn(3, dtype: .float64)])
      }
    }
  }

  @Test func mistakesAreReported() {
    let mistakes: [(String, (Tensor) -> Tensor)] = [
      ("out of bounds", { (x: Tensor) in x[5] }),
      ("too many indices", { x in x[0, 0, 0, 0] }),
      ("step must be greater than zero", { x in x[.every(0)] }),
      ("index 9 is out of bounds", { x in x[Tensor([0, 9])] }),
      ("mask", { x in x[Tensor([true, false, true])] }),
      ("could not be broadcast", { x in x[Tensor([0, 1]), Tensor([0, 1, 2])] }),
      ("is out of bounds", { x in x.gather(dim: 2, index: Tensor([[[4]]])) }),
      ("as many dimensions", { x in x.gather(dim: 0, index: Tensor([0])) }),
      ("is out of bounds", { x in x.indexSelect(dim: 0, index: Tensor([2])) }),
      (
        "do not fit",
        { x in
          var y = x; y[0] = Tensor([1, 2, 3]); return y
        }
      ),
    ]
    for (part, body) in mistakes {
      let error = #expect(throws: OpError.self) { try withErrors { body(Tensor.arange(24).view(2, 3, 4)) } }
      #expect(error?.description.contains(part) == true, "\(String(describing: error))")
    }
  }
}
