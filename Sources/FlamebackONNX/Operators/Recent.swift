import Flameback
import FlamebackCore

/// Operators newer than version 20.
extension Operator {
  static let recent: [String: Operator] = [
    "Attention": Operator { call in
      let (query, key, value) = (try call(0), try call(1), try call(2))
      try call.require(call.optional(4) == nil && call.optional(5) == nil, "past keys and values are not supported")
      let isFlat = query.rank == 3
      func heads(_ x: Tensor, _ name: String) throws -> Tensor {
        guard isFlat else { return x }
        guard let count = try call.int(name), count > 0, x.rank == 3, x.shape[2] % count == 0 else {
          throw call.error("\(name) does not fit \(x.spec)")
        }
        return x.reshape([x.shape[0], x.shape[1], count, x.shape[2] / count]).transpose(1, 2)
      }
      let q = try heads(query, "q_num_heads")
      let (k, v) = (try heads(key, "kv_num_heads"), try heads(value, "kv_num_heads"))
      try call.require(q.rank == 4 && k.rank == 4 && v.rank == 4, "needs 3 or 4 dimensions, got \(query.spec)")
      try call.require(try call.double("softcap", 0) == 0 && !call.wants(3), "softcap and scores are not supported")
      let y = q.scaledDotProductAttention(
        k, v, mask: call.optional(3), isCausal: try call.bool("is_causal"), scale: try call.double("scale"),
        enableGQA: q.shape[1] != k.shape[1])
      guard isFlat else { return [y, k, v] }
      return [y.transpose(1, 2).reshape([y.shape[0], y.shape[2], y.shape[1] * y.shape[3]]), k, v]
    }
  ]
}
