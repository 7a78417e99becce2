import FlamebackCore
import FlamebackKernels
import FlamebackOps

extension Tensor {
  /// Padded with its own data; `padding` holds pairs from the last dimension on. SeeAlso: torch.nn.functional.pad
  func padded(_ padding: [Int], mode: PaddingMode) -> Tensor {
    if mode == .zeros { return constantPad(padding) }
    let dims = padding.count / 2
    guard rank == dims + 1 || rank == dims + 2 else {
      return fail("pad", "\(mode) padding of \(dims) dimensions takes rank \(dims + 1) or \(dims + 2), got \(spec)")
    }
    var result = self
    for d in 0..<dims where padding[2 * d] != 0 || padding[2 * d + 1] != 0 {
      let (before, after) = (padding[2 * d], padding[2 * d + 1])
      let size = shape[rank - 1 - d]
      let limit = mode == .reflect ? size - 1 : mode == .circular ? size : .max
      guard before <= limit, after <= limit, size > 0, size + before + after > 0 else {
        return fail("pad", "\(mode) padding [\(before), \(after)] is too large for size \(size) of \(spec)")
      }
      let index = (-before..<size + after).map { i in
        switch mode {
        case .reflect: i < 0 ? -i : i < size ? i : 2 * (size - 1) - i
        case .circular: (i + size) % size
        default: Swift.min(Swift.max(i, 0), size - 1)
        }
      }
      result = result.indexSelect(dim: rank - 1 - d, index: Tensor(index, shape: [index.count], device: device))
    }
    return result
  }
}
