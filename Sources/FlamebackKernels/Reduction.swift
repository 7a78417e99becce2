import CKernels

/// Reductions over any dimensions of a strided array.
public enum Reduction {
  /// What is computed; the numbers are those of CKernels.
  public enum Kind: UInt32, Sendable {
    case sum, product, mean, minimum, maximum, argMinimum, argMaximum, any, all, countNonzero, nanSum, norm
    case logSumExp, variance, standardDeviation

    /// The operation that joins partial results; nil if there is none.
    fileprivate var joining: Kind? {
      switch self {
      case .sum, .mean, .nanSum, .countNonzero: .sum
      case .product, .minimum, .maximum, .any, .all: self
      case .argMinimum, .argMaximum, .norm, .logSumExp, .variance, .standardDeviation: nil
      }
    }

    /// The dtype of partial results.
    fileprivate func partial(_ dtype: DType, _ out: DType) -> DType {
      switch self {
      case .minimum, .maximum: dtype
      case .any, .all: .bool
      case .countNonzero: .int64
      case .sum, .product, .mean, .nanSum, .argMinimum, .argMaximum, .norm, .logSumExp, .variance, .standardDeviation:
        switch dtype.category {
        case .bool, .integer: .int64  // wraps as uint64 does
        case .floating, .complex: dtype.accumulation
        }
      }
    }
  }

  /// Sums over `dims` of a contiguous array; the output holds the other dimensions in order.
  public static func sum(
    _ x: UnsafeMutableRawPointer, _ dtype: DType, shape: Shape, dims: [Int], into y: UnsafeMutableRawPointer,
    _ out: DType
  ) {
    run(.sum, x, dtype, layout: Layout(shape), dims: dims, into: y, out)
  }

  /// Reduces `dims` of `layout`, counted from `x`; the output holds the other dimensions in order.
  ///
  /// `parameter` is the order of a norm or the correction of a variance; `second` takes indices or means.
  public static func run(
    _ kind: Kind, _ x: UnsafeMutableRawPointer, _ dtype: DType, layout: Layout, dims: [Int], parameter: Double = 0,
    into y: UnsafeMutableRawPointer, _ out: DType, second: UnsafeMutableRawPointer? = nil
  ) {
    let kept = (0..<layout.rank).filter { !dims.contains($0) }
    if layout.elementCount == 0 {
      let outputs = kept.reduce(1) { $0 * layout.shape[$1] }
      return line(kind, x, dtype, (outputs, 0, 1), parameter, y, out, second)
    }
    var source = x
    var scratch: ScratchMemory?
    var order = Array(0..<layout.rank)
    let isPositional = second != nil || kind == .argMinimum || kind == .argMaximum
    func pack() -> Bool {
      order = kept + dims.sorted()
      guard let memory = ScratchMemory(byteCount: layout.elementCount * dtype.byteSize) else { return false }
      let permuted = layout.permuted(order)
      Strided.copy(x, dtype, permuted.strides, to: memory.pointer, dtype, nil, over: permuted.shape)
      scratch = memory
      source = memory.pointer
      return true
    }
    if !layout.isContiguous {
      if let found = memoryOrder(layout, dims, isPositional) { order = found } else if !pack() { return }
    }
    var runs = Run.joined(layout.shape, order, dims)
    if runs.filter(\.isReduced).count > 1, kind.joining == nil || isPositional {
      if !pack() { return }
      runs = Run.joined(layout.shape, order, dims)
    }
    if !runs.contains(where: \.isReduced) { runs.append(Run(size: 1, isReduced: true)) }
    reduce(kind, source, dtype, runs, parameter, y, out, second)
    withExtendedLifetime(scratch) {}
  }

  private struct Run {
    var size: Int
    let isReduced: Bool

    /// Neighbouring dimensions of one sort as one.
    static func joined(_ shape: Shape, _ order: [Int], _ dims: [Int]) -> [Run] {
      var runs: [Run] = []
      for d in order where shape[d] != 1 {
        let isReduced = dims.contains(d)
        if let last = runs.last, last.isReduced == isReduced {
          runs[runs.count - 1].size *= shape[d]
        } else {
          runs.append(Run(size: shape[d], isReduced: isReduced))
        }
      }
      return runs
    }
  }

  /// The dimensions in the order of memory, if that is dense and leaves the order of the result as it is.
  private static func memoryOrder(_ layout: Layout, _ dims: [Int], _ isPositional: Bool) -> [Int]? {
    let order = (0..<layout.rank).filter { layout.shape[$0] != 1 }.sorted { layout.strides[$0] > layout.strides[$1] }
    guard layout.permuted(order).isContiguous else { return nil }
    let kept = order.filter { !dims.contains($0) }
    if kept != kept.sorted() { return nil }
    let reduced = order.filter { dims.contains($0) }
    return isPositional && reduced != reduced.sorted() ? nil : order
  }

  /// Reduces the last run first, until one is left.
  private static func reduce(
    _ kind: Kind, _ x: UnsafeMutableRawPointer, _ dtype: DType, _ runs: [Run], _ parameter: Double,
    _ y: UnsafeMutableRawPointer, _ out: DType, _ second: UnsafeMutableRawPointer?
  ) {
    let last = runs.lastIndex { $0.isReduced }!
    let count = { (runs: ArraySlice<Run>) in runs.reduce(1) { $0 * $1.size } }
    let lines = (outer: count(runs[..<last]), n: runs[last].size, inner: count(runs[(last + 1)...]))
    if !runs[..<last].contains(where: \.isReduced) {
      return line(kind, x, dtype, lines, parameter, y, out, second)
    }
    let partial = kind.partial(dtype, out)
    guard let memory = ScratchMemory(byteCount: lines.outer * lines.inner * partial.byteSize) else { return }
    line(kind == .mean ? .sum : kind, x, dtype, lines, parameter, memory.pointer, partial, nil)
    var rest = runs
    rest.remove(at: last)
    let outputs = rest.reduce(1) { $0 * ($1.isReduced ? 1 : $1.size) }
    let isMean = kind == .mean
    let total = isMean ? ScratchMemory(byteCount: outputs * partial.byteSize) : nil
    if isMean, total == nil { return }
    reduce(
      kind.joining!, memory.pointer, partial, rest, parameter, total?.pointer ?? y, total == nil ? out : partial, nil)
    if let total {
      let n = runs.reduce(1) { $0 * ($1.isReduced ? $1.size : 1) }
      divide(total.pointer, partial, by: n, count: outputs, into: y, out)
    }
  }

  private static let division = ElementwiseProgram(
    instructions: [fb_instruction(.div, 0, 1)], inputCount: 1, constants: [],
    outputRegisters: [2])

  private static func divide(
    _ x: UnsafeMutableRawPointer, _ dtype: DType, by n: Int, count: Int, into y: UnsafeMutableRawPointer, _ out: DType
  ) {
    division.run(
      compute: dtype, shape: [count], inputs: [ElementwiseOperand(x, dtype, strides: nil)],
      parameters: [.float(Double(n))], outputs: [ElementwiseOperand(y, out, strides: nil)])
  }

  /// Elements below which a loop stays on one thread.
  private static let grain = 32768

  /// Reduces the middle dimension of a packed [outer, n, inner] array, on several threads if it is large.
  private static func line(
    _ kind: Kind, _ x: UnsafeMutableRawPointer, _ dtype: DType, _ size: (outer: Int, n: Int, inner: Int),
    _ parameter: Double, _ y: UnsafeMutableRawPointer, _ out: DType, _ second: UnsafeMutableRawPointer?
  ) {
    let op = fb_reduction(kind.rawValue)
    let (outer, n, inner) = size
    let outputs = outer * inner
    let type = fb_dtype(dtype.rawValue)
    let outType = fb_dtype(out.rawValue)
    let chunks = inner == 1 ? outer : outputs / 64
    if chunks < 16 && n * outputs >= 4 * grain && n > 1 {  // few long lines: cut them too
      let blocks = outer * Int(fb_reduce_blocks(Int64(n), Int64(inner)))
      withUnsafeTemporaryAllocation(of: fb_partial.self, capacity: blocks * inner) { partials in
        let base = partials.baseAddress!
        ThreadPool.run(count: blocks, grain: 1) { range in
          fb_reduce_partial(
            op, x, type, Int64(n), Int64(inner), parameter, base, Int64(range.lowerBound), Int64(range.upperBound))
        }
        fb_reduce_combine(
          op, base, type, Int64(n), Int64(inner), parameter, y, outType, second, 0, Int64(outputs))
      }
      return
    }
    let chunk = inner == 1 ? max(1, grain / max(n, 1)) : max(64, grain / max(n, 1) / 64 * 64)
    ThreadPool.run(count: outputs, grain: chunk) { range in
      fb_reduce(
        op, x, type, Int64(outer), Int64(n), Int64(inner), parameter, y, outType, second, Int64(range.lowerBound),
        Int64(range.upperBound))
    }
  }
}
