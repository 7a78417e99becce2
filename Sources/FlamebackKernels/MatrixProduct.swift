import CKernels

/// Batched matrix products over strided operands.
public enum MatrixProduct {
  /// One operand: the first element of [..., rows, columns] and its strides.
  public struct Operand {
    let pointer: UnsafeMutableRawPointer
    let layout: Layout
    let forms: KeptForms?

    /// `layout` counts from `pointer`, and its batch dimensions are those of the result (stride 0 where repeated);
    /// `forms` are those of the memory, if it is worth keeping any.
    public init(_ pointer: UnsafeMutableRawPointer, _ layout: Layout, forms: KeptForms? = nil) {
      self.pointer = pointer
      self.layout = layout
      self.forms = forms
    }

    fileprivate var rows: Int { layout.shape[layout.rank - 2] }
    fileprivate var columns: Int { layout.shape[layout.rank - 1] }

    /// How gemm reads the matrices without a copy; nil if neither rows nor columns lie side by side.
    fileprivate var form: (transposed: Bool, leading: Int)? {
      let rowStride = layout.strides[layout.rank - 2]
      let columnStride = layout.strides[layout.rank - 1]
      if columnStride == 1 || columns == 1 {
        if rows == 1 { return (false, max(columns, 1)) }
        if rowStride >= max(columns, 1) { return (false, rowStride) }
      }
      if rowStride == 1 || rows == 1 {
        if columns == 1 { return (true, max(rows, 1)) }
        if columnStride >= max(rows, 1) { return (true, columnStride) }
      }
      return nil
    }

    /// A right matrix that is read again and again (a weight), packed once for all products.
    fileprivate func packed(_ arguments: inout fb_gemm_args, _ dtype: DType) -> ScratchMemory? {
      guard let forms, fb_gemm_suits_packed(&arguments) else { return nil }
      let key = FormKey(
        .product, of: pointer, dtype, rows: Int(arguments.k), columns: Int(arguments.n), leading: Int(arguments.ldb),
        isTransposed: arguments.trans_b != 0)
      let size = fb_gemm_packed_size(arguments.dtype, arguments.n, arguments.k)
      return forms.form(key, byteCount: Int(size)) { fb_gemm_pack(&arguments, $0) }
    }

    /// A view of [rows × columns] for every batch that gemm can read, copied into `scratch` if it must be.
    fileprivate func readable(_ dtype: DType, _ scratch: inout [ScratchMemory]) -> Operand? {
      if form != nil || layout.elementCount == 0 { return self }
      // Only the dimensions that are not repeated are copied.
      var source = layout
      source.offset = 0
      for d in 0..<source.rank where source.strides[d] == 0 && d < source.rank - 2 { source.shape[d] = 1 }
      guard let memory = ScratchMemory(byteCount: source.elementCount * dtype.byteSize) else { return nil }
      scratch.append(memory)
      Strided.copy(pointer, dtype, source.strides, to: memory.pointer, dtype, nil, over: source.shape)
      var packed = Layout(source.shape)
      for d in 0..<packed.rank where layout.shape[d] != source.shape[d] { packed.strides[d] = 0 }
      packed.shape = layout.shape
      return Operand(memory.pointer, packed)
    }
  }

  /// c = alpha · a b + beta · c, with c contiguous [batch..., m, n]; c is not read if beta is 0. `bias`: n values to be
  /// added to every row instead.
  public static func run(
    _ a: Operand, _ b: Operand, into c: UnsafeMutableRawPointer, dtype: DType, alpha: Scalar = 1, beta: Scalar = 0,
    bias: UnsafeMutableRawPointer? = nil
  ) {
    let rank = a.layout.rank
    var m = a.rows
    let n = b.columns
    let k = a.columns
    var batch = Shape(a.layout.shape.prefix(rank - 2))
    if batch.elementCount == 0 || m == 0 || n == 0 { return }
    var scratch: [ScratchMemory] = []
    guard let a = a.readable(dtype, &scratch), let b = b.readable(dtype, &scratch) else { return }
    let (transA, lda) = a.form ?? (false, max(k, 1))
    let (transB, ldb) = b.form ?? (false, max(n, 1))
    var strideA = Shape(a.layout.strides.prefix(rank - 2))
    var strideB = Shape(b.layout.strides.prefix(rank - 2))
    // Rows of batches that lie behind each other meet one shared right matrix: a single tall product.
    if !batch.isEmpty, !transA, (0..<batch.count).allSatisfy({ strideB[$0] == 0 || batch[$0] == 1 }),
      isTall(batch, strideA, m, lda)
    {
      m *= batch.elementCount
      batch = Shape()
      strideA = Shape()
      strideB = Shape()
    }
    var strideC = batch.contiguousStrides
    for d in 0..<strideC.count { strideC[d] *= m * n }
    let count = batch.elementCount
    batch.withUnsafePointer { sizes in
      strideA.withUnsafePointer { strideA in
        strideB.withUnsafePointer { strideB in
          strideC.withUnsafePointer { strideC in
            var arguments = fb_gemm_args(
              dtype: fb_dtype(dtype.rawValue), trans_a: transA ? 1 : 0, trans_b: transB ? 1 : 0, m: Int64(m),
              n: Int64(n), k: Int64(k), a: a.pointer, lda: Int64(lda), b: b.pointer, ldb: Int64(ldb), c: c,
              ldc: Int64(n), alpha: fb_scalar(alpha), beta: fb_scalar(beta), batch_ndim: Int32(batch.count),
              batch_shape: sizes, batch_stride_a: strideA, batch_stride_b: strideB, batch_stride_c: strideC, bias: bias,
              packed_b: nil)
            let packed = b.packed(&arguments, dtype)
            defer { withExtendedLifetime(packed) {} }
            arguments.packed_b = packed.map { UnsafeRawPointer($0.pointer) }
            if count == 1 || fb_gemm_is_parallel(&arguments) {
              fb_gemm(&arguments, 0, Int64(count))
            } else {
              let grain = max(1, 65536 / max(m * n * k, 1))
              nonisolated(unsafe) let shared = arguments
              ThreadPool.run(count: count, grain: grain) { range in
                withUnsafePointer(to: shared) { fb_gemm($0, Int64(range.lowerBound), Int64(range.upperBound)) }
              }
            }
          }
        }
      }
    }
    withExtendedLifetime(scratch) {}
  }

  /// Whether the rows of all batches follow each other at the same distance.
  private static func isTall(_ batch: Shape, _ strides: Shape, _ m: Int, _ leading: Int) -> Bool {
    var expected = m * leading
    for d in (0..<batch.count).reversed() where batch[d] != 1 {
      if strides[d] != expected { return false }
      expected *= batch[d]
    }
    return true
  }
}

/// Memory for the time of one kernel, or as long as a form is kept.
public final class ScratchMemory: @unchecked Sendable {
  public let pointer: UnsafeMutableRawPointer
  private let byteCount: Int

  /// Nil, and a failure that `KernelMemory` tells of, where there is not as much memory: the kernel stops.
  public init?(byteCount: Int) {
    guard let memory = CachingAllocator.host.allocate(max(byteCount, 1)) else {
      KernelMemory.noteFailure(byteCount)
      return nil
    }
    pointer = memory
    self.byteCount = max(byteCount, 1)
  }

  /// Nil where there is not as much memory, for what is done without it then.
  init?(ifAvailable byteCount: Int) {
    guard let memory = CachingAllocator.host.allocate(max(byteCount, 1)) else { return nil }
    pointer = memory
    self.byteCount = max(byteCount, 1)
  }

  deinit { CachingAllocator.host.deallocate(pointer, byteCount) }
}
