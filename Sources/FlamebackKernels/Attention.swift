import CKernels

/// softmax(scale · q kᵀ + bias) v for many heads at once.
public struct Attention {
  /// [heads..., rows, columns] and its strides, counted from the pointer; repeated heads have stride 0.
  public struct Operand {
    let pointer: UnsafeMutableRawPointer
    let layout: Layout

    public init(_ pointer: UnsafeMutableRawPointer, _ layout: Layout) {
      self.pointer = pointer
      self.layout = layout
    }

    fileprivate var rowStride: Int { layout.strides[layout.rank - 2] }
    fileprivate var columnStride: Int { layout.strides[layout.rank - 1] }

    /// Appends where each head begins.
    fileprivate func appendOffsets(to offsets: inout [Int64]) {
      let heads = Shape(layout.shape.dropLast(2))
      Strided.forEachOffset(heads, Shape(layout.strides.dropLast(2)), heads.contiguousStrides) { offset, _ in
        offsets.append(Int64(offset))
      }
    }

    /// With the elements of each row side by side, copied if they are not.
    fileprivate func withPackedRows(_ dtype: DType, _ scratch: inout [ScratchMemory]) -> Operand? {
      let columns = layout.shape[layout.rank - 1]
      let rows = layout.shape[layout.rank - 2]
      if columns == 1 || columnStride == 1, rows == 1 || rowStride >= columns { return self }
      guard let memory = ScratchMemory(byteCount: layout.elementCount * dtype.byteSize) else { return nil }
      scratch.append(memory)
      Strided.copy(pointer, dtype, layout.strides, to: memory.pointer, dtype, nil, over: layout.shape)
      return Operand(memory.pointer, Layout(layout.shape))
    }
  }

  let dtype: DType
  let scale: Double
  let isCausal: Bool
  let weights: UnsafeMutableRawPointer?

  /// Of float32 or float64. `weights`, where given, is memory for [heads..., l, `weightsRow`]: `forward` leaves the
  /// attention weights there, zeros behind the keys, and `backward` need not compute them anew.
  public init(_ dtype: DType, scale: Double, isCausal: Bool, weights: UnsafeMutableRawPointer? = nil) {
    self.dtype = dtype
    self.scale = scale
    self.isCausal = isCausal
    self.weights = weights
  }

  /// Elements between the rows of kept weights.
  public static func weightsRow(_ dtype: DType, keys: Int) -> Int {
    Int(fb_attention_row(fb_dtype(dtype.rawValue), Int64(keys)))
  }

  /// out [heads..., l, f]. The elements of each of its rows lie side by side.
  public func forward(_ q: Operand, _ k: Operand, _ v: Operand, bias: Operand?, into out: Operand) {
    withArguments(q, k, v, bias, with: [], and: [out]) { fb_attention($0, $1[0]) }
  }

  /// From g, like `out`: dq [heads..., l, e], dk [heads..., s, e], dv [heads..., s, f], rows as those of `out`.
  public func backward(
    _ g: Operand, _ q: Operand, _ k: Operand, _ v: Operand, bias: Operand?, into gradients: [Operand]
  ) {
    withArguments(q, k, v, bias, with: [g], and: gradients) { fb_attention_backward($0, $1[0], $1[1], $1[2], $1[3]) }
  }

  /// `body` gets `inputs` and `outputs` as matrices too.
  private func withArguments(
    _ q: Operand, _ k: Operand, _ v: Operand, _ bias: Operand?, with inputs: [Operand], and outputs: [Operand],
    _ body: (UnsafePointer<fb_attention_args>, [fb_attention_matrix]) -> Void
  ) {
    var scratch: [ScratchMemory] = []
    let read = ([q, k, v] + inputs).compactMap { $0.withPackedRows(dtype, &scratch) }
    if read.count < 3 + inputs.count { return }
    let operands = read + outputs
    let rank = q.layout.rank
    var offsets: [Int64] = []
    for operand in operands { operand.appendOffsets(to: &offsets) }
    bias?.appendOffsets(to: &offsets)
    let heads = q.layout.shape.dropLast(2).reduce(1, *)
    offsets.withUnsafeBufferPointer { offsets in
      let starts = { (i: Int) in offsets.baseAddress.map { $0 + i * heads } }
      let matrices = operands.enumerated().map { i, operand in
        fb_attention_matrix(data: operand.pointer, offsets: starts(i), ld: Int64(operand.leading))
      }
      var arguments = fb_attention_args(
        dtype: fb_dtype(dtype.rawValue), heads: Int64(heads), l: Int64(q.layout.shape[rank - 2]),
        s: Int64(k.layout.shape[rank - 2]), e: Int64(q.layout.shape[rank - 1]), f: Int64(v.layout.shape[rank - 1]),
        q: matrices[0], k: matrices[1], v: matrices[2], bias: bias?.pointer,
        bias_offsets: bias == nil ? nil : starts(operands.count), bias_row: Int64(bias?.rowStride ?? 0),
        bias_column: Int64(bias?.columnStride ?? 0), scale: scale, causal: isCausal, weights: weights)
      body(&arguments, Array(matrices.dropFirst(3)))
    }
    withExtendedLifetime(scratch) {}
  }
}

extension Attention.Operand {
  /// The distance between rows; any will do where there is one row.
  fileprivate var leading: Int { max(rowStride, layout.shape[layout.rank - 1], 1) }
}
