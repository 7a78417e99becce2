import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let matmul: [String: Entry] = [
    "matmul": pair("other") { $0.matmul($1) },
    "spmm": alias("mm"),
    "mm": pair("mat2") { $0.mm($1) },
    "bmm": pair("mat2") { $0.bmm($1) },
    "mv": pair("vec") { $0.mv($1) },
    "dot": pair("tensor") { $0.dot($1) },
    "vdot": pair("other") { $0.vdot($1) },
    "inner": pair("other") { $0.inner($1) },
    "outer": pair("vec2") { $0.outer($1) },
    "kron": pair("other") { $0.kron($1) },
    "__matmul__": pair("other") { $0.matmul($1) },
    "linalg.vecdot": { call in
      .tensor(
        try call.tensor(0, "x").vecdot(try call.tensor(1, "y"), dim: try call.int(nil, "dim", default: -1)))
    },
    "__rmatmul__": pair("other") { $1.matmul($0) },
    "addmm": scaled("mat1", "mat2") { $0.addmm($1, $2, beta: $3, alpha: $4) },
    "addmv": scaled("mat", "vec") { $0.addmv($1, $2, beta: $3, alpha: $4) },
    "addbmm": scaled("batch1", "batch2") { $0.addbmm($1, $2, beta: $3, alpha: $4) },
    "Tensor.addbmm_": { call in  // gives the tensor the result's shape
      let result = try scaled("batch1", "batch2") { $0.addbmm($1, $2, beta: $3, alpha: $4) }(call)
      if let tensor = result.tensor { try call.mutate(0, "input", to: tensor) }
      return result
    },
    "baddbmm": scaled("batch1", "batch2") { $0.baddbmm($1, $2, beta: $3, alpha: $4) },
    "addr": scaled("vec1", "vec2") { $0.addr($1, $2, beta: $3, alpha: $4) },
    "nn.functional.linear": { call in
      .tensor(
        try call.tensor(0, "input").linear(try call.tensor(1, "weight"), try call.optionalTensor(2, "bias")))
    },
    "nn.functional.bilinear": { call in
      .tensor(
        try call.tensor(0, "input1").bilinear(
          try call.tensor(1, "input2"), try call.tensor(2, "weight"), try call.optionalTensor(3, "bias")))
    },
    "einsum": { call in
      if call.isString(0, "equation") {
        return .tensor(einsum(try call.string(0, "equation"), try call.tensorsOrRest(1, "operands")))
      }
      var operands: [(Tensor, [Int])] = []
      var position = 0
      while position + 1 < call.positionalCount {
        let labels = try sublist(call, position + 1)
        operands.append((try call.tensor(position, "operands"), labels))
        position += 2
      }
      let output = position < call.positionalCount ? try sublist(call, position) : nil
      return .tensor(einsum(operands, output: output))
    },
    "tensordot": { call in
      let a = try call.tensor(0, "a")
      let b = try call.tensor(1, "b")
      if case .int(let count)? = call.peek(2, "dims") {
        _ = try call.int(2, "dims")
        return .tensor(a.tensordot(b, dims: count))
      }
      guard let value = try call.value(2, "dims") else { return .tensor(a.tensordot(b)) }
      guard let lists = value.items, lists.count == 2 else { throw CallError("tensordot(): dims must be two lists") }
      let dims = lists.map { list in
        (list.items ?? [list]).compactMap { item -> Int? in if case .int(let i) = item { i } else { nil } }
      }
      return .tensor(a.tensordot(b, dims: (dims[0], dims[1])))
    },
    "chain_matmul": { call in
      let matrices = try call.tensorsOrRest(0, "matrices")
      return .tensor(multiDot(matrices))
    },
    "linalg.multi_dot": { call in .tensor(multiDot(try call.tensors(0, "tensors"))) },
  ]

  /// A function of two tensors called `input` and `other`.
  private static func pair(_ other: String, _ body: @escaping @Sendable (Tensor, Tensor) -> Tensor) -> Entry {
    { call in .tensor(body(try call.tensor(0, "input"), try call.tensor(1, other))) }
  }

  /// beta · input + alpha · (a × b).
  private static func scaled(
    _ a: String, _ b: String, _ body: @escaping @Sendable (Tensor, Tensor, Tensor, Scalar, Scalar) -> Tensor
  ) -> Entry {
    { call in
      .tensor(
        body(
          try call.tensor(0, "input"), try call.tensor(1, a), try call.tensor(2, b),
          try call.scalar(nil, "beta", default: 1), try call.scalar(nil, "alpha", default: 1)))
    }
  }

  /// Labels of an operand of einsum; the ellipsis is -1.
  private static func sublist(_ call: Call, _ position: Int) throws -> [Int] {
    guard let items = try call.value(position, "operands")?.items else {
      throw CallError("einsum(): expected a list of labels at position \(position)")
    }
    return try items.map { item in
      switch item {
      case .int(let label): label
      case .ellipsis: -1
      default: throw CallError("einsum(): a label must be an int, not \(item.kind)")
      }
    }
  }
}
