import Flameback
import FlamebackCore

extension Operator {
  static let creation: [String: Operator] = [
    "Constant": .one { call in
      let node = call.node
      if case .tensor(let stored)? = node.attributes["value"] { return try Tensor(stored, path: "") }
      if let value = try call.double("value_float") { return Tensor([Float(value)], shape: []) }
      if let values = try call.doubles("value_floats") { return Tensor(values.map(Float.init), shape: [values.count]) }
      if let value = try call.int("value_int") { return Tensor([value], shape: []) }
      if let values = try call.ints("value_ints") { return Tensor(values, shape: [values.count]) }
      throw call.error("has no value that can be computed with")
    },
    "ConstantOfShape": .one([0]) { call in
      guard let sizes = try call.list(0) else { throw call.error("needs a shape") }
      guard case .tensor(let stored)? = call.node.attributes["value"] else {
        return .zeros(try call.shape(sizes), dtype: .float32)
      }
      let value = try Tensor(stored, path: "")
      try call.require(value.elementCount == 1, "the value must be one number, got \(value.spec)")
      return .full(try call.shape(sizes, value.dtype), value.item(), dtype: value.dtype)
    },
    "Range": .one([0, 1, 2]) { call in
      guard let start = try call.number(0), let limit = try call.number(1), let delta = try call.number(2) else {
        throw call.error("needs start, limit and delta")
      }
      let dtype = try call(0).dtype
      try call.require(delta.double != 0, "delta must not be 0")
      let count = max(0, ((limit.double - start.double) / delta.double).rounded(.up))
      try call.require(count.isFinite && count < 0x1p48, "\(count) numbers")
      try call.shape([Int(count)], .int64)
      if dtype.isInteger {
        return (Tensor.arange(Int(count)) * delta.int + start.int).to(dtype)
      }
      return (Tensor.arange(Int(count), dtype: .float64) * delta.double + start.double).to(dtype)
    },
    "EyeLike": .one { call in
      let x = try call(0)
      try call.require(x.rank == 2, "needs a matrix, got \(x.spec)")
      let dtype = try call.int("dtype").map { try call.dtype($0) } ?? x.dtype
      let k = min(max(try call.int("k", 0), -1 << 31), 1 << 31)
      let (rows, columns) = (Tensor.arange(x.shape[0]).reshape([-1, 1]), Tensor.arange(x.shape[1]))
      return (rows + k .== columns).to(dtype)
    },
  ]
}
