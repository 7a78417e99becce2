import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The matrices' elements on and below a diagonal, zeros elsewhere. SeeAlso: torch.tril
  public func tril(_ diagonal: Int = 0) -> Tensor {
    apply(Primitives.Triangle(keepsLower: true, diagonal: diagonal), self)
  }

  /// The matrices' elements on and above a diagonal, zeros elsewhere. SeeAlso: torch.triu
  public func triu(_ diagonal: Int = 0) -> Tensor {
    apply(Primitives.Triangle(keepsLower: false, diagonal: diagonal), self)
  }

  /// The row and column numbers of the lower triangle, `[2, n]`. SeeAlso: torch.tril_indices
  public static func trilIndices(
    _ rows: Int, _ columns: Int, offset: Int = 0, dtype: DType = .int64, device: Device? = nil
  ) -> Tensor {
    triangleIndices("trilIndices", rows, columns, dtype, device) { row in
      let reach = offset >= columns ? columns : row + Swift.max(offset, -rows) + 1
      return 0..<Swift.min(Swift.max(reach, 0), columns)
    }
  }

  /// The row and column numbers of the upper triangle, `[2, n]`. SeeAlso: torch.triu_indices
  public static func triuIndices(
    _ rows: Int, _ columns: Int, offset: Int = 0, dtype: DType = .int64, device: Device? = nil
  ) -> Tensor {
    triangleIndices("triuIndices", rows, columns, dtype, device) { row in
      let first = offset >= columns ? columns : row + Swift.max(offset, -rows)
      return Swift.min(Swift.max(first, 0), columns)..<columns
    }
  }

  private static func triangleIndices(
    _ op: String, _ rows: Int, _ columns: Int, _ dtype: DType, _ device: Device?, _ range: (Int) -> Range<Int>
  ) -> Tensor {
    guard rows >= 0, columns >= 0 else { return fail(op, "sizes must not be negative: \(rows), \(columns)") }
    return attempt(.poisoned(TensorSpec(shape: [2, 0], dtype: dtype))) { () throws(OpError) in
      // Rows without an element have no part in it; the others are counted before anything is stored.
      var count: CheckedInt = 0
      if columns > 0 {
        guard rows < 1 << 32 else { throw OpError(op, "\(rows) rows and \(columns) columns are too many elements") }
        for row in 0..<rows { count = count + range(row).count }
      }
      let total = try sized(op) { count }
      try TensorSpec(shape: [2, total], dtype: .int64).checkMemory(op)
      var first: [Int] = []
      var second: [Int] = []
      first.reserveCapacity(total)
      second.reserveCapacity(total)
      for row in 0..<(columns > 0 ? rows : 0) {
        for column in range(row) {
          first.append(row)
          second.append(column)
        }
      }
      return Tensor(first + second, shape: [2, total], dtype: dtype, device: device)
    }
  }
}

extension Primitives {
  /// One side of a diagonal of matrices; the other is zero.
  package struct Triangle: Primitive {
    package static let name = "triangle"
    package let keepsLower: Bool
    package let diagonal: Int

    package var families: DType.Family { .all }
    package var attributes: [(String, String)] {
      [("side", keepsLower ? "lower" : "upper"), ("diagonal", "\(diagonal)")]
    }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].rank >= 2 else {
        throw OpError(keepsLower ? "tril" : "triu", "needs at least 2 dimensions, got \(inputs[0])")
      }
      return inputs
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      let rows = x.shape[x.shape.count - 2]
      let columns = x.shape[x.shape.count - 1]
      if x.elementCount == 0 { return }
      let size = x.dtype.byteSize
      let diagonal = min(max(diagonal, -rows), columns)
      for line in 0..<(x.elementCount / columns) {
        let row = line % rows
        // Columns before the cut are the lower part.
        let cut = min(max(row + diagonal + (keepsLower ? 1 : 0), 0), columns)
        let from = x.pointer + line * columns * size
        let to = outputs[0].pointer + line * columns * size
        let kept = keepsLower ? 0..<cut : cut..<columns
        let cleared = keepsLower ? cut..<columns : 0..<cut
        (to + kept.lowerBound * size).copyMemory(from: from + kept.lowerBound * size, byteCount: kept.count * size)
        (to + cleared.lowerBound * size).initializeMemory(as: UInt8.self, repeating: 0, count: cleared.count * size)
      }
    }

    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let rows = Tensor.arange(x.shape[x.rank - 2], device: x.device).unsqueeze(1)
      let distance = Tensor.arange(x.shape[x.rank - 1], device: x.device) - rows
      let isCleared = keepsLower ? distance .> diagonal : distance .< diagonal
      return [x.maskedFill(isCleared, 0)]
    }

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [self] cotangents, _ in [cotangents[0].map { apply(self, $0) }] }
    }
  }
}
