import CKernels
import FlamebackCore
import FlamebackKernels
import Synchronization

extension Tensor {
  /// An index tensor as the kernels read it: int64. Only integers are indices.
  func asIndex(_ op: String) throws(OpError) -> Tensor {
    guard dtype.isInteger else { throw OpError(op, "indices must be integers, got \(spec)") }
    return withoutHistory.to(.int64)
  }
}

extension HostView {
  var code: fb_dtype { fb_dtype(dtype.rawValue) }
  var itemSize: Int64 { Int64(dtype.byteSize) }
  var int64s: UnsafeMutablePointer<Int64> { pointer.assumingMemoryBound(to: Int64.self) }

  /// Sizes before `dim`, of it, and after it. A 0-d tensor has one line of one element.
  func around(_ dim: Int) -> (outer: Int64, n: Int64, inner: Int64) {
    if shape.count == 0 { return (1, 1, 1) }
    return (
      Int64(shape[..<dim].reduce(1, *)), Int64(shape[dim]), Int64(shape[(dim + 1)...].reduce(1, *))
    )
  }
}

/// Runs a kernel over ranges of `0..<count`; the smallest complaint (a position) that is not -1, else -1.
func runChecked(_ count: Int64, grain: Int, _ body: (Int64, Int64) -> Int64) -> Int64 {
  if count <= grain { return count <= 0 ? -1 : body(0, count) }
  let worst = Atomic<Int64>(Int64.max)
  ThreadPool.run(count: Int(count), grain: grain) { range in
    let bad = body(Int64(range.lowerBound), Int64(range.upperBound))
    if bad >= 0 { worst.min(bad, ordering: .relaxed) }
  }
  let bad = worst.load(ordering: .relaxed)
  return bad == .max ? -1 : bad
}

/// The error of an index that lies outside its dimension.
func outOfRange(_ op: String, _ index: Int64, _ dim: Int, _ size: Int64) -> OpError {
  OpError(op, "index \(index) is out of bounds for dimension \(dim) with size \(size)")
}

/// How values that meet at one place are combined. SeeAlso: the `reduce` argument of torch.scatter_reduce
public enum ScatterReduction: String, Sendable {
  case sum, prod, mean, amax, amin

  var code: Int32 {
    switch self {
    case .sum: Int32(FB_SCATTER_SUM)
    case .prod: Int32(FB_SCATTER_PROD)
    case .mean: Int32(FB_SCATTER_MEAN)
    case .amax: Int32(FB_SCATTER_AMAX)
    case .amin: Int32(FB_SCATTER_AMIN)
    }
  }
}

/// Refuses the greatest and the least of complex numbers.
func checkOrder(_ reduction: ScatterReduction?, _ x: TensorSpec, _ op: String) throws(OpError) {
  if x.dtype.isComplex, reduction == .amax || reduction == .amin {
    throw OpError(op, "complex numbers have no order: \(x)")
  }
}

/// The gradients of base and source where several sources were combined at a place. `spread` adds values of the
/// source's shape to their places in the base's, `collect` reads those places. The formulas are PyTorch's
/// (`scatter_reduce_backward`); ties of amax and amin share in equal parts.
func combinedGradients(
  _ reduction: ScatterReduction, includeSelf: Bool, _ g: Tensor, base: Tensor, source: Tensor, result: Tensor,
  spread: (Tensor, Tensor) -> Tensor, collect: (Tensor) -> Tensor, combine: (Tensor, Tensor) -> Tensor,
  clear: (Tensor) -> Tensor
) -> [Tensor] {
  var ofBase: Tensor
  let ofSource: Tensor
  switch reduction {
  case .sum:
    ofBase = g
    ofSource = collect(g)
  case .prod:
    let safe = base.maskedFill(base .== 0, 1)
    ofBase = g * combine(safe, source) / safe
    let isZero = source .== 0
    let zeros = collect(spread(Tensor.zerosLike(base), isZero.to(base.dtype)))
    let isOnlyZero = isZero.logicalAnd(zeros .== 1)
    let others = combine(base, source.maskedFill(isOnlyZero, 1))
    ofSource = select(
      where: isOnlyZero, collect(g * others), collect(g * result) / source.maskedFill(isZero, 1))
  case .mean:
    let counts = spread(includeSelf ? Tensor.onesLike(g) : Tensor.zerosLike(g), Tensor.onesLike(source))
    let safe = counts.maskedFill(counts .== 0, 1)
    ofBase = g / safe
    ofSource = collect(g) / collect(safe)
  case .amax, .amin:
    let sourceWins = (source .== collect(result)).to(g.dtype)
    let baseWins = (base .== result).to(g.dtype)
    let shares = g / spread(baseWins, sourceWins)
    ofBase = baseWins * shares
    ofSource = sourceWins * collect(shares)
  }
  if !includeSelf { ofBase = clear(ofBase) }
  return [ofBase, ofSource]
}

extension Tensor {
  /// Zeros to add or write to, of `tensor`'s dtype: one number, since the result has memory of its own.
  static func zeros(like tensor: Tensor, _ shape: Shape) -> Tensor {
    Tensor.zeros([], dtype: tensor.dtype, device: tensor.device).expand(shape)
  }
}

extension HostView {
  /// What an indexed write begins with: the base in the result's memory, unless it lies there already (see
  /// `Primitive.donates`).
  func copyUnlessDonated(to out: MutableHostView) {
    if pointer == out.pointer && strides == shape.contiguousStrides { return }
    CopiedBytes.add(byteCount)
    Strided.copy(pointer, dtype, strides, to: out.pointer, out.dtype, nil, over: shape)
  }
}
