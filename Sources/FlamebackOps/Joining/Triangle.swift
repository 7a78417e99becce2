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
      0..<Swift.min(Swift.max(row + offset + 1, 0), columns)
    }
  }

  /// The row and column numbers of the upper triangle, `[2, n]`. SeeAlso: torch.triu_indices
  public static func triuIndices(
    _ rows: Int, _ columns: Int, offset: Int = 0, dtype: DType = .int64, device: Device? = nil
  ) -> Tensor {
    triangleIndices("triuIndices", rows, columns, dtype, device) { row in
      Swift.min(Swift.max(row + offset, 0), columns)..<columns
    }
  }

  private static func triangleIndices(
    _ op: String, _ rows: Int, _ columns: Int, _ dtype: DType, _ device: Device?, _ range: (Int) -> Range<Int>
  ) -> Tensor {
    guard rows >= 0, columns >= 0 else { return fail(op, "sizes must not be negative: \(rows), \(columns)") }
    var first: [Int] = []
    var second: [Int] = []
    for row in 0..<rows {
      for column in range(row) {
        first.append(row)
        second.append(column)
      }
    }
    return Tensor(first + second, shape: [2, first.count], dtype: dtype, device: device)
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

    package var gradient: Gradient {
      .pullback(keeps: .nothing) { [self] cotangents, _ in [cotangents[0].map { apply(self, $0) }] }
    }
  }
}
