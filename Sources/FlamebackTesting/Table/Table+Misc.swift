import Flameback
import FlamebackCore
import FlamebackKernels

/// Questions to a tensor, conversions to Python values, assignments.
extension OperatorTable {
  static let misc: [String: Entry] = queries.merging(conversions) { first, _ in first }

  /// The entry of another name.
  static func alias(_ name: String) -> Entry {
    { call in
      guard let entry = all[name] else { throw UnknownOperation(name) }
      return try entry(call)
    }
  }

  private static func query(_ body: @escaping @Sendable (Tensor) -> Value) -> Entry {
    { call in body(try call.tensor(0, "input")) }
  }

  private static let queries: [String: Entry] = [
    "numel": query { .int($0.elementCount) },
    "Tensor.nelement": query { .int($0.elementCount) },
    "Tensor.dim": query { .int($0.rank) },
    "Tensor.ndimension": query { .int($0.rank) },
    "Tensor.ndim": query { .int($0.rank) },
    "Tensor.shape": query { .ints($0.shape) },
    "Tensor.size": { call in
      let x = try call.tensor(0, "input")
      guard let dim = try call.optionalInt(1, "dim") else { return .ints(x.shape) }
      return .int(x.shape[try normalizedDim(dim, rank: x.rank, op: "size")])
    },
    "Tensor.stride": { call in
      let x = try call.tensor(0, "input")
      guard let dim = try call.optionalInt(1, "dim") else { return .ints(x.strides) }
      return .int(x.strides[try normalizedDim(dim, rank: x.rank, op: "stride")])
    },
    "Tensor.storage_offset": query { .int($0.storageOffset) },
    "Tensor.is_contiguous": query { .bool($0.isContiguous) },
    "Tensor.dtype": query { .dtype($0.dtype) },
    "Tensor.element_size": query { .int($0.dtype.byteSize) },
    "Tensor.itemsize": query { .int($0.dtype.byteSize) },
    "Tensor.nbytes": query { .int($0.elementCount * $0.dtype.byteSize) },
    "Tensor.is_floating_point": query { .bool($0.dtype.isFloatingPoint) },
    "Tensor.is_complex": query { .bool($0.dtype.isComplex) },
    "Tensor.is_signed": query { .bool($0.dtype.isSigned) },
    "Tensor.is_leaf": query { .bool($0.isLeaf) },
    "Tensor.requires_grad": query { .bool($0.requiresGrad) },
    "Tensor.is_same_size": { call in
      .bool(try call.tensor(0, "input").shape == call.tensor(1, "other").shape)
    },
  ]

  private static let conversions: [String: Entry] = [
    "Tensor.__len__": { call in
      let x = try call.tensor(0, "input")
      guard let count = x.shape.first else { throw CallError("len() of a 0-d tensor") }
      return .int(count)
    },
    "Tensor.__bool__": query { .bool($0.item().bool) },
    "Tensor.__int__": query { .int($0.item().int) },
    "Tensor.__index__": query { .int($0.item().int) },
    "Tensor.__float__": query { .float($0.item().double) },
    "Tensor.tolist": query { list($0) },
    "Tensor.__contains__": { call in
      let x = try call.tensor(0, "input")
      return .bool((x .== (try call.operand(1, "element"))).any().item().bool)
    },
    "Tensor.requires_grad_": { call in
      .tensor(try call.tensor(0, "input").requiringGrad(try call.bool(1, "requires_grad", default: true)))
    },
    "Tensor.copy_": { call in
      let x = try call.tensor(0, "input")
      let source = try call.tensor(1, "src")
      call.ignore("non_blocking")
      return .tensor(source.to(x.dtype).to(x.device).expanded(to: x.shape))
    },
    "Tensor.set_": { call in
      _ = try call.tensor(0, "input")
      return .tensor(try call.tensor(1, "source"))
    },
    "Tensor.clip": alias("clamp"),
  ]

  /// Nested Python lists of the elements.
  private static func list(_ x: Tensor) -> Value {
    x.rank == 0 ? .scalar(x.item()) : .list(x.unbind(dim: 0).map(list))
  }
}
