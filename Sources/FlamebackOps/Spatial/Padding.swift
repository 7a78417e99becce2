import CKernels
import FlamebackCore
import FlamebackKernels

/// What `pad` puts around a tensor.
public enum PadMode: String, Sendable {
  /// One number.
  case constant
  /// The tensor mirrored at its border, which is not repeated.
  case reflect
  /// The border, repeated.
  case replicate
  /// The tensor from its other end.
  case circular
}

/// The last one to three dimensions grown by their own data, or cut where a count is negative.
package struct PaddingMap: PlaneMap {
  package static let name = "pad"
  package let mode: PadMode
  package let input: [Int]
  package let before: [Int]
  package let after: [Int]

  package var output: [Int] { input.indices.map { input[$0] + before[$0] + after[$0] } }
  package var attributes: [(String, String)] {
    [("mode", mode.rawValue), ("before", "\(before)"), ("after", "\(after)")]
  }

  private func description(_ dtype: fb_dtype) -> fb_padding {
    let code = mode == .reflect ? FB_PAD_REFLECT : mode == .replicate ? FB_PAD_REPLICATE : FB_PAD_CIRCULAR
    return fb_padding(
      dtype: dtype, mode: Int32(code), input: triple(input), before: triple(before, fill: 0),
      after: triple(after, fill: 0))
  }

  package func run(
    _ dtype: fb_dtype, _ x: UnsafeMutableRawPointer, _ y: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var padding = description(dtype)
    fb_pad(&padding, x, y, begin, end)
  }

  package func runTransposed(
    _ dtype: fb_dtype, _ dy: UnsafeMutableRawPointer, _ dx: UnsafeMutableRawPointer, _ begin: Int64, _ end: Int64
  ) {
    var padding = description(dtype)
    fb_pad_backward(&padding, dy, dx, begin, end)
  }
}

extension Tensor {
  /// The tensor with something around it: `padding` counts before and after the last dimension, then the one before
  /// it, and so on; negative numbers cut.
  ///
  /// Modes other than constant pad the last one to three of at least one dimension more.
  /// SeeAlso: torch.nn.functional.pad
  public func pad(_ padding: [Int], mode: PadMode = .constant, value: Scalar = 0) -> Tensor {
    if mode == .constant { return constantPad(padding, value: value) }
    return attempt(like: self) { () throws(OpError) in
      let n = padding.count / 2
      guard padding.count == 2 * n, (1...3).contains(n), rank == n + 1 || rank == n + 2 else {
        throw OpError("pad", "\(mode) pads the last 1 to 3 dimensions of one or two more, got \(padding) for \(spec)")
      }
      guard value == 0 else { throw OpError("pad", "\(mode) does not take a value") }
      guard shape.dropFirst(rank - n - 1).allSatisfy({ $0 > 0 }) else {
        throw OpError("pad", "only the batch may be empty: \(spec)")
      }
      var before = (0..<n).map { padding[2 * (n - 1 - $0)] }
      var after = (0..<n).map { padding[2 * (n - 1 - $0) + 1] }
      var inner = self
      let input = Array(shape.suffix(n))
      for d in 0..<n {
        guard try sized("pad", { CheckedInt(input[d]) + before[d] + after[d] }) > 0 else {
          throw OpError("pad", "padding \(padding) leaves nothing of dim \(rank - n + d): \(spec)")
        }
        let limit = mode == .reflect ? input[d] - 1 : mode == .circular ? input[d] : Int.max
        guard before[d] <= limit, after[d] <= limit else {
          throw OpError("pad", "\(mode) padding \(padding) is larger than \(limit) in dim \(rank - n + d): \(spec)")
        }
        if mode == .circular {  // what is cut does not come back at the other end
          let start = before[d] < -input[d] ? input[d] : Swift.max(-before[d], 0)
          let left = input[d] - start - (after[d] < -input[d] ? input[d] : Swift.max(-after[d], 0))
          guard left > 0 else { throw OpError("pad", "padding \(padding) leaves nothing to repeat: \(spec)") }
          inner = inner.sliced(rank - n + d, start, left, 1)
          before[d] = Swift.max(before[d], 0)
          after[d] = Swift.max(after[d], 0)
        }
      }
      let map = PaddingMap(mode: mode, input: Array(inner.shape.suffix(n)), before: before, after: after)
      return apply(Primitives.Planewise(map: map), inner)
    }
  }
}
