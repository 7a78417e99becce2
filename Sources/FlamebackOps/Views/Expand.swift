import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// Repeated along dimensions of size 1 and along new leading ones, without a copy; -1 keeps a size.
  /// SeeAlso: torch.Tensor.expand
  public func expand(_ sizes: Int...) -> Tensor { expand(sizes) }

  /// Repeated along dimensions of size 1 and along new leading ones, without a copy; -1 keeps a size.
  /// SeeAlso: torch.Tensor.expand
  public func expand(_ sizes: some Collection<Int>) -> Tensor {
    attempt(like: self) { () throws(OpError) in
      var target = Shape(sizes)
      let extra = target.count - rank
      guard extra >= 0 else {
        throw OpError("expand", "the number of sizes (\(target.count)) must be at least that of dims (\(rank))")
      }
      for (i, size) in target.enumerated() {
        if size == -1 && i >= extra {
          target[i] = shape[i - extra]
        } else if size < 0 {
          throw OpError("expand", "size \(size) is not allowed in dimension \(i) of \(Array(sizes)) for \(spec)")
        }
        guard i < extra || shape[i - extra] == target[i] || shape[i - extra] == 1 else {
          throw OpError(
            "expand",
            "size \(target[i]) must match the existing size \(shape[i - extra]) in dimension \(i): "
              + "\(Array(sizes)) × \(spec)")
        }
      }
      return expanded(to: target)
    }
  }

  /// SeeAlso: torch.Tensor.expand_as
  public func expandAs(_ other: Tensor) -> Tensor { expand(other.shape) }
  /// SeeAlso: torch.broadcast_to
  public func broadcastTo(_ shape: some Collection<Int>) -> Tensor { expand(shape) }

  /// All expanded to the shape they broadcast to. SeeAlso: torch.broadcast_tensors
  public static func broadcastTensors(_ tensors: [Tensor]) -> [Tensor] {
    guard let first = tensors.first else { return [] }
    return attempt(like: first, count: tensors.count) { () throws(OpError) in
      let shape = try broadcastShapes(tensors.map(\.shape), op: "broadcastTensors")
      return tensors.map { $0.expanded(to: shape) }
    }
  }
}

/// The shape to which all broadcast. Reports an error if they do not fit. SeeAlso: torch.broadcast_shapes
public func broadcastShapes(_ shapes: [Int]...) -> [Int] {
  attempt([]) { () throws(OpError) in try broadcastShapes(shapes.map(Shape.init), op: "broadcastShapes").array }
}

func broadcastShapes(_ shapes: [Shape], op: String) throws(OpError) -> Shape {
  var result: Shape = []
  for shape in shapes {
    guard shape.allSatisfy({ $0 >= 0 }), let next = Shape.broadcast(result, shape) else {
      throw OpError(op, "shapes do not broadcast: \(shapes.map(\.description).joined(separator: " × "))")
    }
    result = next
  }
  return result
}
