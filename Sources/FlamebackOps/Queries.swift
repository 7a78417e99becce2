import FlamebackCore
import FlamebackKernels

/// PyTorch's words for what a tensor is. The properties are `shape`, `rank`, `elementCount`, `dtype`, `device`.
extension Tensor {
  /// The number of elements. SeeAlso: torch.numel
  public func numel() -> Int { elementCount }

  /// The number of dimensions. SeeAlso: torch.Tensor.dim
  public func dim() -> Int { rank }

  /// The size of a dimension; negative ones count from the end. SeeAlso: torch.Tensor.size
  public func size(_ dim: Int) -> Int {
    attempt(0) { () throws(OpError) in
      let d = try normalizedDim(dim, rank: rank, op: "size")
      guard rank > 0 else { throw OpError("size", "a 0-d tensor has no dimension \(dim)") }
      return shape[d]
    }
  }

  /// Bytes of one element. SeeAlso: torch.Tensor.element_size
  public var elementSize: Int { dtype.byteSize }
  /// Bytes of all elements. SeeAlso: torch.Tensor.nbytes
  public var byteCount: Int { elementCount * dtype.byteSize }
  /// SeeAlso: torch.is_floating_point
  public var isFloatingPoint: Bool { dtype.isFloatingPoint }
  /// SeeAlso: torch.is_complex
  public var isComplex: Bool { dtype.isComplex }

  /// In float32. SeeAlso: torch.Tensor.float
  public func float() -> Tensor { to(.float32) }
  /// In float64. SeeAlso: torch.Tensor.double
  public func double() -> Tensor { to(.float64) }
  /// In float16. SeeAlso: torch.Tensor.half
  public func half() -> Tensor { to(.float16) }
  /// In int64. SeeAlso: torch.Tensor.long
  public func long() -> Tensor { to(.int64) }
  /// In the dtype of another tensor. SeeAlso: torch.Tensor.type_as
  public func typeAs(_ other: Tensor) -> Tensor { to(other.dtype) }
}

extension Double {
  /// The only element of a tensor. SeeAlso: torch.Tensor.item
  public init(_ tensor: Tensor) { self = tensor.itemDouble() }
}

extension Int {
  /// The only element of a tensor, rounded towards zero. SeeAlso: torch.Tensor.item
  public init(_ tensor: Tensor) { self = tensor.itemInt() }
}

extension Bool {
  /// Whether the only element of a tensor is not 0. SeeAlso: torch.Tensor.__bool__
  public init(_ tensor: Tensor) { self = tensor.item().bool }
}
