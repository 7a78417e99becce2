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

    /// Where each head begins.
    fileprivate var offsets: [Int64] {
      let heads = Shape(layout.shape.dropLast(2))
      var result: [Int64] = []
      result.reserveCapacity(heads.elementCount)
      Strided.forEachOffset(heads, Shape(layout.strides.dropLast(2)), heads.contiguousStrides) { offset, _ in
        result.append(Int64(offset))
      }
      return result
    }

    /// With the elements of each row side by side, copied if they are not.
    fileprivate func withPackedRows(_ dtype: DType, _ scratch: inout [ScratchMemory]) -> Operand {
      let columns = layout.shape[layout.rank - 1]
      let rows = layout.shape[layout.rank - 2]
      if columns == 1 || columnStride == 1, rows == 1 || rowStride >= columns { return self }
      let memory = ScratchMemory(byteCount: layout.elementCount * dtype.byteSize)
      scratch.append(memory)
      Strided.copy(pointer, dtype, layout.strides, to: memory.pointer, dtype, nil, over: layout.shape)
      return Operand(memory.pointer, Layout(layout.shape))
    }
  }

  let dtype: DType
  let scale: Double
  let isCausal: Bool

  /// Of float32 or float64.
  public init(_ dtype: DType, scale: Double, isCausal: Bool) {
    self.dtype = dtype
    self.scale = scale
    self.isCausal = isCausal
  }

  /// out [heads..., l, f], packed.
  public func forward(
    _ q: Operand, _ k: Operand, _ v: Operand, bias: Operand?, into out: UnsafeMutableRawPointer
  ) {
    withArguments(q, k, v, bias) { fb_attention($0, out) }
  }

  /// From g, packed as `out`: dq [heads..., l, e], dk [heads..., s, e], dv [heads..., s, f].
  public func backward(
    _ g: UnsafeMutableRawPointer, _ q: Operand, _ k: Operand, _ v: Operand, bias: Operand?,
    dq: UnsafeMutableRawPointer, dk: UnsafeMutableRawPointer, dv: UnsafeMutableRawPointer
  ) {
    withArguments(q, k, v, bias) { fb_attention_backward($0, g, dq, dk, dv) }
  }

  private func withArguments(
    _ q: Operand, _ k: Operand, _ v: Operand, _ bias: Operand?, _ body: (UnsafePointer<fb_attention_args>) -> Void
  ) {
    var scratch: [ScratchMemory] = []
    let q = q.withPackedRows(dtype, &scratch)
    let k = k.withPackedRows(dtype, &scratch)
    let v = v.withPackedRows(dtype, &scratch)
    let rank = q.layout.rank
    let (qOffsets, kOffsets, vOffsets, biasOffsets) = (q.offsets, k.offsets, v.offsets, bias?.offsets ?? [])
    qOffsets.withUnsafeBufferPointer { qOffsets in
      kOffsets.withUnsafeBufferPointer { kOffsets in
        vOffsets.withUnsafeBufferPointer { vOffsets in
          biasOffsets.withUnsafeBufferPointer { biasOffsets in
            var arguments = fb_attention_args(
              dtype: fb_dtype(dtype.rawValue), heads: Int64(qOffsets.count), l: Int64(q.layout.shape[rank - 2]),
              s: Int64(k.layout.shape[rank - 2]), e: Int64(q.layout.shape[rank - 1]),
              f: Int64(v.layout.shape[rank - 1]), q: q.pointer, k: k.pointer, v: v.pointer, bias: bias?.pointer,
              q_offsets: qOffsets.baseAddress, k_offsets: kOffsets.baseAddress, v_offsets: vOffsets.baseAddress,
              bias_offsets: biasOffsets.baseAddress, ldq: Int64(q.leading), ldk: Int64(k.leading),
              ldv: Int64(v.leading), bias_row: Int64(bias?.rowStride ?? 0),
              bias_column: Int64(bias?.columnStride ?? 0), scale: scale, causal: isCausal)
            body(&arguments)
          }
        }
      }
    }
    withExtendedLifetime(scratch) {}
  }
}

extension Attention.Operand {
  /// The distance between rows; any will do where there is one row.
  fileprivate var leading: Int { max(rowStride, layout.shape[layout.rank - 1], 1) }
}
