import FlamebackCore
import FlamebackKernels

/// Numbers, or arrays of arrays … of numbers: what `Tensor(_:)` takes.
public protocol TensorLiteral {
  /// What the innermost arrays hold.
  associatedtype Leaf: TensorElement
  /// Collects the sizes from the outside in; reports ragged arrays by throwing.
  func collect(_ shape: inout [Int], depth: Int, into leaves: inout [Leaf]) throws(OpError)
}

extension TensorLiteral where Self: TensorElement, Leaf == Self {
  public func collect(_ shape: inout [Int], depth: Int, into leaves: inout [Self]) throws(OpError) {
    leaves.append(self)
  }
}

extension Bool: TensorLiteral { public typealias Leaf = Bool }
extension UInt8: TensorLiteral { public typealias Leaf = UInt8 }
extension Int8: TensorLiteral { public typealias Leaf = Int8 }
extension Int16: TensorLiteral { public typealias Leaf = Int16 }
extension Int32: TensorLiteral { public typealias Leaf = Int32 }
extension Int64: TensorLiteral { public typealias Leaf = Int64 }
extension UInt16: TensorLiteral { public typealias Leaf = UInt16 }
extension UInt32: TensorLiteral { public typealias Leaf = UInt32 }
extension UInt64: TensorLiteral { public typealias Leaf = UInt64 }
extension UInt: TensorLiteral { public typealias Leaf = UInt }
extension Float8E4M3FN: TensorLiteral { public typealias Leaf = Float8E4M3FN }
extension Float8E5M2: TensorLiteral { public typealias Leaf = Float8E5M2 }
extension Int: TensorLiteral { public typealias Leaf = Int }
extension Float16: TensorLiteral { public typealias Leaf = Float16 }
extension BFloat16: TensorLiteral { public typealias Leaf = BFloat16 }
extension Float: TensorLiteral { public typealias Leaf = Float }
extension Double: TensorLiteral { public typealias Leaf = Double }
extension Complex: TensorLiteral { public typealias Leaf = Complex }

extension Array: TensorLiteral where Element: TensorLiteral {
  public typealias Leaf = Element.Leaf

  public func collect(_ shape: inout [Int], depth: Int, into leaves: inout [Leaf]) throws(OpError) {
    if depth == shape.count {
      guard leaves.isEmpty else {
        throw OpError("tensor", "a sequence stands where numbers stood before, at dim \(depth)")
      }
      shape.append(count)
    } else if shape[depth] != count {
      throw OpError("tensor", "expected a sequence of length \(shape[depth]) at dim \(depth), got \(count)")
    }
    for element in self { try element.collect(&shape, depth: depth + 1, into: &leaves) }
  }
}

extension Tensor {
  /// A tensor of these numbers: `Tensor([[1, 2], [3, 4]])` is int64, `Tensor([0.5, 1])` of the default floating point type.
  ///
  /// As Python's floats do, Swift's `Double` gives the default type; `Float` is float32. SeeAlso: torch.tensor
  public init<L: TensorLiteral>(
    _ values: L, dtype: DType? = nil, device: Device? = nil, requiresGrad: Bool = false
  ) {
    let own: DType = L.Leaf.dtype == .float64 ? Context.defaultDType : L.Leaf.dtype
    var shape: [Int] = []
    var leaves: [L.Leaf] = []
    do { try values.collect(&shape, depth: 0, into: &leaves) } catch {
      report(error)
      self = .poisoned(TensorSpec(shape: Shape(shape), dtype: dtype ?? own))
      return
    }
    self.init(leaves, shape: Shape(shape), dtype: dtype ?? own, device: device, requiresGrad: requiresGrad)
  }
}
