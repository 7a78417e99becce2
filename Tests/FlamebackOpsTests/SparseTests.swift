import Flameback
import Testing

@Suite struct SparseTests {
  private let indices = Tensor([0, 1, 1, 0, 2, 0, 2, 2], shape: [2, 4])  // (0,2) (1,0) (1,2) (0,2)
  private var values: Tensor { Tensor([1.0, 2, 3, 4], shape: [4], dtype: .float64) }

  @Test func coordinatesAddUp() {
    let x = SparseTensor(indices: indices, values: values, shape: [2, 3])
    let dense = Tensor([0.0, 0, 5, 2, 0, 3], shape: [2, 3], dtype: .float64)
    #expect(x.toDense().equal(dense))
    let unique = x.coalesced()
    #expect(unique.storedCount == 3 && unique.isCoalesced && unique.toDense().equal(dense))
    #expect(unique.indices.equal(Tensor([0, 1, 1, 2, 0, 2], shape: [2, 3])))
    #expect(dense.toSparse().values.equal(Tensor([5.0, 2, 3], shape: [3], dtype: .float64)))
    #expect((x + x * 2).toDense().equal(dense * 3) && x.t().toDense().equal(dense.t()))
    #expect(x.sum(dim: [0]).toDense().equal(dense.sum(dim: 0)) && x.sum().itemDouble() == 10)
    #expect(SparseTensor(indices: indices, values: values).shape == [2, 3])
    #expect(x.mapValues { $0.square() }.toDense().equal(dense.square()))
  }

  @Test func denseSlicesAndRows() {
    let x = SparseTensor(
      indices: Tensor([2, 0, 2], shape: [1, 3]), values: Tensor([1.0, 2, 3, 4, 5, 6], shape: [3, 2]), shape: [3, 2])
    #expect(x.toDense().equal(Tensor([3.0, 4, 0, 0, 6, 8], shape: [3, 2])))
    #expect(x.toDense().toSparse(sparseDim: 1).storedCount == 2)
    let matrix = Tensor([0.0, 1, 0, 0, 0, 0, 2, 3, 0], shape: [3, 3])
    let rows = matrix.toSparseRows()
    #expect(rows.crowIndices.equal(Tensor([0, 1, 1, 3], shape: [4])))
    #expect(rows.colIndices.equal(Tensor([1, 0, 1], shape: [3])) && rows.toDense().equal(matrix))
    let b = Tensor.randn([3, 4], dtype: .float64)
    #expect(rows.matmul(b).allClose(matrix.matmul(b)))
    #expect(b.t().matmul(matrix.toSparse()).allClose(b.t().matmul(matrix)))
    let (c, d) = (Tensor.randn([3, 2], dtype: .float64), Tensor.randn([2, 3], dtype: .float64))
    let sampled = matrix.toSparse().sampledAddmm(c, d, beta: 2, alpha: 3)
    #expect(sampled.toDense().allClose((matrix * 2 + c.matmul(d) * 3) * (matrix .!= 0).to(.float64)))
    #expect(c.matmul(d).sparseMask(matrix.toSparse()).storedCount == 3)
  }

  @Test func gradientsFlowThroughValues() {
    let v = values.requiringGrad()
    let b = Tensor.randn([3, 2], dtype: .float64).requiringGrad()
    let x = SparseTensor(indices: indices, values: v, shape: [2, 3])
    let c = Tensor.randn([2, 2], dtype: .float64)
    (x.matmul(b) * c).sum().backward()
    let (gv, gb) = (v.grad!, b.grad!)
    let dense = x.toDense().detached().requiringGrad()
    b.grad = nil
    (dense.matmul(b) * c).sum().backward()
    #expect(gb.allClose(b.grad!) && gv.allClose(dense.grad!.index([indices[0], indices[1]])))
  }

  @Test func wrongCoordinatesAreErrors() {
    func fails(_ body: () -> Void) { #expect(throws: OpError.self) { try withErrors { body() } } }
    fails { _ = SparseTensor(indices: indices, values: values, shape: [2, 2]) }
    fails { _ = SparseTensor(indices: indices * -1, values: values, shape: [2, 3]) }
    fails { _ = SparseTensor(indices: indices, values: values.narrow(dim: 0, start: 0, length: 3)) }
    fails { _ = SparseTensor(indices: indices, values: values, shape: [2, 3]).matmul(Tensor.zeros([2, 2])) }
    fails {
      _ = SparseMatrix(
        crowIndices: Tensor([0, 2, 1], shape: [3]), colIndices: Tensor([0], shape: [1]), values: .ones([1]))
    }
  }
}
