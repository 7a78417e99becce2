import FlamebackCore
import FlamebackKernels

// What the normalisation layers share: one primitive computes the gradients of all inputs that have one.
extension Gradient {
  /// `body` gets the cotangent of the first output, what is kept, and the numbers of the inputs whose gradients are wanted;
  /// it returns these. The inputs in `constants` have none.
  static func ofWanted(
    keeps: Kept, constants: [Int] = [],
    _ body: @escaping @Sendable (_ g: Tensor, _ saved: Saved, _ wanted: [Int]) -> [Tensor]
  ) -> Gradient {
    .pullback(keeps: keeps) { cotangents, saved in
      var result: [Tensor?] = Array(repeating: nil, count: saved.inputCount)
      guard let g = cotangents[0] else { return result }
      let wanted = result.indices.filter { saved.needs($0) && !constants.contains($0) }
      for (i, gradient) in zip(wanted, body(g, saved, wanted)) { result[i] = gradient }
      return result
    }
  }
}

extension [MutableHostView] {
  /// The memory for the gradient of input `position`, if it is among those wanted.
  func pointer(of position: Int?, among wanted: [Int]) -> UnsafeMutableRawPointer? {
    position.flatMap { wanted.firstIndex(of: $0) }.map { self[$0].pointer }
  }
}
