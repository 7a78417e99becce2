import Flameback
import FlamebackTesting
import Testing

/// Fused attention against its definition in plain operations, for sizes around the blocks of 64 queries.
@Suite struct AttentionTests {
  private func definition(_ q: Tensor, _ k: Tensor, _ v: Tensor, bias: Tensor?) -> Tensor {
    var scores = q.matmul(k.transpose(-2, -1)) * (1 / Double(q.shape[q.rank - 1]).squareRoot())
    if let bias { scores = scores + bias }
    return scores.softmax(dim: -1).matmul(v)
  }

  /// Forward and gradients agree.
  private func check(_ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor?, bias: Tensor?, isCausal: Bool) {
    let leaves = [q, k, v].map { $0.requiringGrad() }
    let fused = leaves[0].scaledDotProductAttention(leaves[1], leaves[2], mask: mask, isCausal: isCausal)
    let plain = definition(leaves[0], leaves[1], leaves[2], bias: bias)
    #expect(fused.allClose(plain, rtol: 1e-9, atol: 1e-9))
    let g = Tensor.randn(fused.shape.array, dtype: .float64)
    let first = grad(of: [fused], wrt: leaves, gradOutputs: [g])
    let second = grad(of: [plain], wrt: leaves, gradOutputs: [g])
    for (a, b) in zip(first, second) { #expect(a!.allClose(b!, rtol: 1e-8, atol: 1e-9)) }
  }

  /// With short rows the gradients compute the weights anew, with long ones they are kept.
  @Test(arguments: [1, 63, 64, 65, 130], [(1, 8), (64, 8), (100, 8), (1, 90), (100, 90), (128, 90)])
  func blocks(queries: Int, _ other: (keys: Int, size: Int)) {
    let (keys, size) = other
    let q = Tensor.randn([2, 3, queries, size], dtype: .float64)
    let k = Tensor.randn([2, 3, keys, size], dtype: .float64)
    let v = Tensor.randn([2, 3, keys, 5], dtype: .float64)
    check(q, k, v, mask: nil, bias: nil, isCausal: false)
    let later = Tensor.full([queries, keys], .float(-.infinity), dtype: .float64).triu(1)
    check(q, k, v, mask: nil, bias: later, isCausal: true)
    let bias = Tensor.randn([2, 1, queries, keys], dtype: .float64)
    check(q, k, v, mask: bias, bias: bias, isCausal: false)
  }

  @Test func viewsAndSharedKeys() {
    // [t, n, heads, e] seen as [n, heads, t, e]; one head of keys for all.
    let q = Tensor.randn([70, 2, 4, 8], dtype: .float64).permute(1, 2, 0, 3)
    let k = Tensor.randn([2, 1, 8, 33], dtype: .float64).transpose(-2, -1)
    let v = Tensor.randn([2, 1, 33, 8], dtype: .float64)
    check(q, k, v, mask: nil, bias: nil, isCausal: false)
  }

  /// Queries, keys and values as slices of one projection: their gradients are slices of one array too.
  @Test(arguments: [[40, 2, 3, 4, 8], [2, 70, 3, 1, 8], [1, 9, 3, 5, 16], [3, 1, 3, 2, 8]], [false, true])
  func slicesOfAProjection(_ shape: [Int], isCausal: Bool) {
    let projection = Tensor.randn(shape, dtype: .float64)
    let rows = [shape[0], shape[1]]
    for isSequenceFirst in [false, true] {
      // [n, heads, t, e] each.
      let order = isSequenceFirst ? [1, 2, 0, 3] : [0, 2, 1, 3]
      let length = isSequenceFirst ? shape[0] : shape[1]
      let later = Tensor.full([length, length], .float(-.infinity), dtype: .float64).triu(1)
      func gradient(_ attend: (Tensor, Tensor, Tensor) -> Tensor, splits: Bool) -> (Tensor, Tensor) {
        let leaf = projection.requiringGrad()
        let parts =
          splits
          ? leaf.reshape(rows + [3 * shape[3] * shape[4]]).split(shape[3] * shape[4], dim: -1)
            .map { $0.reshape(rows + [shape[3], shape[4]]) } : leaf.unbind(dim: 2)
        let heads = parts.map { $0.permute(order) }
        let y = attend(heads[0], heads[1], heads[2])
        (y * y).sum().backward()
        return (y, leaf.grad!)
      }
      let plain = gradient({ definition($0, $1, $2, bias: isCausal ? later : nil) }, splits: false)
      for splits in [false, true] {
        let fused = gradient({ $0.scaledDotProductAttention($1, $2, isCausal: isCausal) }, splits: splits)
        #expect(fused.0.allClose(plain.0, rtol: 1e-9, atol: 1e-9))
        #expect(fused.1.allClose(plain.1, rtol: 1e-8, atol: 1e-9))
        // The result lies as the queries do: what comes next sees [rows, heads · e] without a copy.
        let joined = fused.0.permute(isSequenceFirst ? [2, 0, 1, 3] : [0, 2, 1, 3])
        #expect(joined.isContiguous)
      }
    }
  }

  @Test func sharedKeysOfProjections() {
    let q = Tensor.randn([2, 9, 6, 4], dtype: .float64).transpose(1, 2).requiringGrad()
    let k = Tensor.randn([2, 9, 2, 4], dtype: .float64).transpose(1, 2).requiringGrad()
    let y = q.scaledDotProductAttention(k, k, enableGQA: true)
    let repeated = k.repeatInterleave(3, dim: 1)
    let plain = definition(q, repeated, repeated, bias: nil)
    #expect(y.allClose(plain, rtol: 1e-9, atol: 1e-9))
    let (a, b) = (grad(of: [(y * y).sum()], wrt: [q, k]), grad(of: [(plain * plain).sum()], wrt: [q, k]))
    for (a, b) in zip(a, b) { #expect(a!.allClose(b!, rtol: 1e-8, atol: 1e-9)) }
    #expect(y.transpose(1, 2).isContiguous)
  }

  @Test(arguments: [(0, 3, 4), (3, 0, 4), (2, 3, 0)])
  func emptySizes(queries: Int, keys: Int, size: Int) {
    let q = Tensor.randn([2, queries, 5]).requiringGrad()
    let k = Tensor.randn([2, keys, 5]).requiringGrad()
    let v = Tensor.randn([2, keys, size]).requiringGrad()
    let y = q.scaledDotProductAttention(k, v)
    #expect(y.shape == [2, queries, size])
    y.sum().backward()
    for leaf in [q, k, v] { #expect(leaf.grad.map { ($0 .== 0).all().item() == .bool(true) } ?? true) }
  }

  @Test func aRowThatMayLookNowhereGivesZero() {
    let q = Tensor.randn([1, 3, 4]).requiringGrad()
    let k = Tensor.randn([1, 5, 4])
    var mask = Tensor.ones([3, 5], dtype: .bool)
    mask[1] = Tensor.zeros([5], dtype: .bool)
    let y = q.scaledDotProductAttention(k, k, mask: mask)
    #expect(y[0, 1].scalars(Float.self) == [0, 0, 0, 0])
    y.sum().backward()
    #expect(q.grad!.isFinite().all().item() == .bool(true))
    #expect(q.grad![0, 1].scalars(Float.self) == [0, 0, 0, 0])
  }
}
