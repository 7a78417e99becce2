import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The tensors side by side along `dim`; dtypes are promoted. 1-d tensors without elements are skipped.
  /// SeeAlso: torch.cat
  public static func cat(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
    guard let first = tensors.first else { return fail("cat", "expected a non-empty list of tensors") }
    if let poisoned = tensors.first(where: \.isPoisoned) { return poisoned }
    return attempt(like: first) { () throws(OpError) in
      let whole = tensors.first { $0.shape != [0] } ?? first
      let op = Primitives.Cat(dim: try normalizedDim(dim, rank: whole.rank, op: "cat"))
      var dtype = first.dtype
      for tensor in tensors {
        guard let common = DType.promote(dtype, tensor.dtype) else {
          throw OpError(
            "cat", "\(dtype) and \(tensor.dtype) have no common dtype: convert one of them with to(_:) first")
        }
        dtype = common
      }
      return apply(op, tensors.map { $0.to(dtype) })[0]
    }
  }

  /// The tensors, all of one shape, side by side along a new dimension. SeeAlso: torch.stack
  public static func stack(_ tensors: [Tensor], dim: Int = 0) -> Tensor {
    guard let first = tensors.first else { return fail("stack", "expected a non-empty list of tensors") }
    if let poisoned = tensors.first(where: \.isPoisoned) { return poisoned }
    if let i = tensors.firstIndex(where: { $0.shape != first.shape }) {
      return fail(
        "stack", "expects tensors of equal shape, but got \(first.spec) and, at entry \(i), \(tensors[i].spec)",
        like: first.spec)
    }
    return attempt(like: first) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: first.rank + 1, op: "stack")
      return cat(tensors.map { $0.unsqueeze(d) }, dim: d)
    }
  }

  /// Side by side along columns (dim 1; dim 0 of vectors). SeeAlso: torch.hstack
  public static func hstack(_ tensors: [Tensor]) -> Tensor {
    let tensors = tensors.map { $0.atLeast1d() }
    return cat(tensors, dim: tensors.first?.rank == 1 ? 0 : 1)
  }

  /// One below the other, vectors as rows. SeeAlso: torch.vstack
  public static func vstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast2d() }) }

  /// Along dim 2, matrices as `[h, w, 1]`. SeeAlso: torch.dstack
  public static func dstack(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.atLeast3d() }, dim: 2) }

  /// Side by side along columns, vectors as columns. SeeAlso: torch.column_stack
  public static func columnStack(_ tensors: [Tensor]) -> Tensor {
    hstack(tensors.map { $0.rank <= 1 ? $0.reshape($0.elementCount, 1) : $0 })
  }
}

extension Primitives {
  /// Tensors of one dtype side by side.
  package struct Cat: Primitive {
    package static let name = "cat"
    package let dim: Int

    package var families: DType.Family { .all }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("dim", "\(dim)")] }

    private static func isSkipped(_ shape: Shape) -> Bool { shape.count == 1 && shape[0] == 0 }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      if let i = inputs.firstIndex(where: { $0.rank == 0 }) {
        throw OpError("cat", "a 0-d tensor (at position \(i)) cannot be joined")
      }
      guard let first = inputs.first(where: { !Self.isSkipped($0.shape) }) else { return [inputs[0]] }
      var result = first
      result.shape[dim] = 0
      for (i, input) in inputs.enumerated() where !Self.isSkipped(input.shape) {
        guard input.rank == first.rank else {
          throw OpError("cat", "tensors must have the same number of dimensions: \(first) × \(input)")
        }
        for d in 0..<first.rank where d != dim && input.shape[d] != first.shape[d] {
          throw OpError(
            "cat",
            "sizes must match except in dim \(dim): expected \(first.shape[d]) but got \(input.shape[d]) in dim \(d) of "
              + "tensor \(i): \(first) × \(input)")
        }
        result.shape[dim] += input.shape[dim]
      }
      return [result]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let out = outputs[0]
      let size = out.dtype.byteSize
      let strides = out.shape.contiguousStrides
      let outer = out.shape[..<dim].reduce(1, *)
      let row = out.shape[dim...].reduce(1, *) * size
      var parts: [Part] = []
      var target = out.pointer
      for x in inputs where !Self.isSkipped(x.shape) {
        let count = x.shape[dim...].reduce(1, *) * size
        defer { target += count }
        if x.elementCount == 0 { continue }
        if x.layout.isContiguous {
          parts.append((x.pointer, target, count))
        } else {
          Strided.copy(x.pointer, x.dtype, x.strides, to: target, out.dtype, strides, over: x.shape)
        }
      }
      copyRows(parts, rows: outer, targetRow: row)
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [dim] cotangents, saved in
        var start = 0
        return (0..<saved.inputCount).map { i in
          let shape = saved.spec(i).shape
          if Self.isSkipped(shape) { return nil }
          defer { start += shape[dim] }
          return saved.needs(i) ? cotangents[0]?.sliced(dim, start, shape[dim], 1) : nil
        }
      }
    }
  }
}

/// Rows of `bytes` that lie side by side, and where the first one goes.
private typealias Part = (source: UnsafeMutableRawPointer, target: UnsafeMutableRawPointer, bytes: Int)

/// Copies all parts' rows to places `targetRow` bytes apart. What is written lies together: some rows of all parts at
/// a time, single ones in pieces.
private func copyRows(_ parts: [Part], rows: Int, targetRow: Int) {
  let together = 1 << 17
  if rows > 1 {
    return ThreadPool.run(count: rows, grain: max(1, together / max(targetRow, 1))) { range in
      let (first, count) = (range.lowerBound, Int64(range.count))
      for (source, target, bytes) in parts {
        fb_copy_rows(
          source + first * bytes, Int64(bytes), target + first * targetRow, Int64(targetRow), count, Int64(bytes))
      }
    }
  }
  for (source, target, bytes) in parts {
    ThreadPool.run(count: bytes, grain: together) {
      (target + $0.lowerBound).copyMemory(from: source + $0.lowerBound, byteCount: $0.count)
    }
  }
}
