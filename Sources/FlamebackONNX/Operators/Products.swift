import Flameback
import FlamebackCore

extension Operator {
  static let products: [String: Operator] = [
    "MatMul": .one { try $0(0).matmul($0(1)) },
    "Gemm": .one { call in
      var (a, b) = (try call(0), try call(1))
      try call.require(a.rank == 2 && b.rank == 2, "needs two matrices: \(a.spec) × \(b.spec)")
      if try call.bool("transA") { a = a.t() }
      if try call.bool("transB") { b = b.t() }
      let (alpha, beta) = (try call.double("alpha", 1), try call.double("beta", 1))
      guard let c = call.optional(2) else {
        let product = a.mm(b)
        return alpha == 1 ? product : (product * alpha).to(a.dtype)
      }
      func scalar(_ value: Double) -> Scalar { a.dtype.isInteger ? .int(Int(value)) : .float(value) }
      return c.addmm(a, b, beta: scalar(beta), alpha: scalar(alpha))
    },
    "Einsum": .one { call in
      guard let equation = try call.text("equation") else { throw call.error("needs an equation") }
      return einsum(equation, try call.all())
    },
    "Det": .one { try $0(0).det() },
  ]
}
