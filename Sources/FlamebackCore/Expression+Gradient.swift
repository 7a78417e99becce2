import CKernels

extension Expression {
  /// The gradient of this expression for input `target`, given the gradient `g` of its value.
  ///
  /// Reverse mode over the expression's nodes. For complex values it is PyTorch's convention, g · conj(∂y/∂x).
  /// The expression's own value appears as `result`, so that backward can keep the output instead of computing it again.
  func pullback(_ g: Expression, to target: Int) -> Expression { pullback(g, to: target, root: node) }

  private func pullback(_ g: Expression, to target: Int, root: Node) -> Expression {
    var order: [Node] = []
    var visited: Set<ObjectIdentifier> = []
    var stack: [(Expression, Bool)] = [(self, false)]
    while let (expression, ready) = stack.popLast() {
      if ready {
        order.append(expression.node)
        continue
      }
      guard visited.insert(ObjectIdentifier(expression.node)).inserted else { continue }
      stack.append((expression, true))
      if case .operation(_, let args) = expression.kind { for arg in args { stack.append((arg, false)) } }
    }
    var depends: Set<ObjectIdentifier> = []
    for node in order {
      switch node.kind {
      case .input(target): depends.insert(ObjectIdentifier(node))
      case .operation(_, let args):
        if args.contains(where: { depends.contains(ObjectIdentifier($0.node)) }) {
          depends.insert(ObjectIdentifier(node))
        }
      default: break
      }
    }
    var adjoint: [ObjectIdentifier: Expression] = [ObjectIdentifier(node): g]
    var total: Expression = 0
    for node in order.reversed() {
      guard let g = adjoint[ObjectIdentifier(node)] else { continue }
      if case .input(target) = node.kind { total = total + g }
      guard case .operation(let opcode, let args) = node.kind else { continue }
      let value = node === root ? Expression(.result) : Expression(node)
      if opcode == FB_OP_SELECT {  // each branch on its own: what the other one computes may be infinite
        let branches = args[1...].map { arg in
          depends.contains(ObjectIdentifier(arg.node)) ? arg.pullback(g, to: target, root: root) : 0
        }
        total = total + args[0].select(branches[0], branches[1])
        continue
      }
      for (i, arg) in args.enumerated() where depends.contains(ObjectIdentifier(arg.node)) {
        let part = Expression.derivative(opcode, args, value, g, i)
        let id = ObjectIdentifier(arg.node)
        adjoint[id] = adjoint[id].map { $0 + part } ?? part
      }
    }
    return total
  }

  private init(_ node: Node) { self.node = node }

  /// g · conj(∂ op / ∂ args[i]), with y the operation's value.
  private static func derivative(
    _ opcode: fb_opcode, _ args: [Expression], _ y: Expression, _ g: Expression, _ i: Int
  ) -> Expression {
    let x = args[0]
    switch opcode {
    case FB_OP_ADD: return g
    case FB_OP_SUB: return i == 0 ? g : -g
    case FB_OP_MUL: return g * args[1 - i].conj
    case FB_OP_DIV: return i == 0 ? g / args[1].conj : -(g * (y / args[1]).conj)
    case FB_OP_NEG: return -g
    case FB_OP_CONJ: return g.conj
    case FB_OP_REAL: return g.real
    case FB_OP_IMAG: return op(FB_OP_COMPLEX, 0, g.real)
    case FB_OP_COMPLEX: return i == 0 ? g.real : g.imag
    case FB_OP_ABS: return g.real * x.sign
    case FB_OP_RECIPROCAL: return -(g * (y * y).conj)
    case FB_OP_SQRT: return g / (2 * y).conj
    case FB_OP_RSQRT: return -0.5 * (g * (y * y * y).conj)
    case FB_OP_POW: return powerDerivative(x, args[1], y, g, i)
    case FB_OP_REMAINDER: return i == 0 ? g : -(g * op(FB_OP_FLOORDIV, x, args[1]))
    case FB_OP_FMOD: return i == 0 ? g : -(g * op(FB_OP_TRUNCDIV, x, args[1]))
    // Ties share the gradient.
    case FB_OP_MAXIMUM: return (x .== args[1]).select(g / 2, (args[i] .< args[1 - i]).select(0, g))
    case FB_OP_MINIMUM: return (x .== args[1]).select(g / 2, (args[i] .> args[1 - i]).select(0, g))
    case FB_OP_FMAX, FB_OP_FMIN:
      let first = (opcode == FB_OP_FMAX ? x .>= args[1] : x .<= args[1]) .| args[1].isNaN
      return (x .== args[1]).select(g / 2, i == 0 ? first.select(g, 0) : first.select(0, g))
    case FB_OP_ATAN2:
      let square = x * x + args[1] * args[1]
      let share = i == 0 ? args[1] / square : -x / square
      return g * (square .== 0).select(0, share)  // at the origin PyTorch says that nothing moves
    case FB_OP_HYPOT: return g * (args[i] / y)
    case FB_OP_COPYSIGN:
      return i == 0 ? g * (x .== 0).select(0, y / x) : 0
    case FB_OP_EXP: return g * y.conj
    case FB_OP_EXP2: return g * (y * constant(.float(0.693147180559945309))).conj
    case FB_OP_EXPM1: return g * (y + 1).conj
    case FB_OP_LOG: return g / x.conj
    case FB_OP_LOG2: return g / (x * constant(.float(0.693147180559945309))).conj
    case FB_OP_LOG10: return g / (x * constant(.float(2.302585092994045684))).conj
    case FB_OP_LOG1P: return g / (x + 1).conj
    case FB_OP_SIN: return g * op(FB_OP_COS, x).conj
    case FB_OP_COS: return g * -op(FB_OP_SIN, x).conj
    case FB_OP_TAN: return g * (1 + y * y).conj
    case FB_OP_ASIN: return g * op(FB_OP_RSQRT, 1 - x * x).conj
    case FB_OP_ACOS: return g * -op(FB_OP_RSQRT, 1 - x * x).conj
    case FB_OP_ATAN: return g / (x * x + 1).conj
    case FB_OP_SINH: return g * op(FB_OP_COSH, x).conj
    case FB_OP_COSH: return g * op(FB_OP_SINH, x).conj
    case FB_OP_TANH: return g * (1 - y * y).conj
    case FB_OP_ASINH: return g * op(FB_OP_RSQRT, x * x + 1).conj
    case FB_OP_ACOSH: return g * (op(FB_OP_RSQRT, x - 1) * op(FB_OP_RSQRT, x + 1)).conj
    case FB_OP_ATANH: return g / (1 - x * x).conj
    case FB_OP_SIGMOID: return g * ((1 - y) * y).conj
    case FB_OP_ERF: return g * (constant(.float(1.128379167095512574)) * op(FB_OP_EXP, -(x * x)))
    case FB_OP_ERFC: return g * (constant(.float(-1.128379167095512574)) * op(FB_OP_EXP, -(x * x)))
    case FB_OP_ERFINV: return g * (constant(.float(0.886226925452758014)) * op(FB_OP_EXP, y * y))
    case FB_OP_LGAMMA: return g * op(FB_OP_DIGAMMA, x)
    case FB_OP_DIGAMMA: return g * op(FB_OP_POLYGAMMA, 1, x)
    case FB_OP_POLYGAMMA: return i == 1 ? g * op(FB_OP_POLYGAMMA, x + 1, args[1]) : constant(.float(.nan))
    case FB_OP_I0: return g * op(FB_OP_I1, x)
    case FB_OP_I0E: return g * (op(FB_OP_I1E, x) - x.sign * y)
    // i1(x)/x → 1/2 at 0.
    case FB_OP_I1: return g * (x.abs .> tiny).select(op(FB_OP_I0, x) - y / x, 0.5)
    case FB_OP_I1E: return g * (x.abs .> tiny).select(op(FB_OP_I0E, x) - y * (x.sign + 1 / x), 0.5)
    case FB_OP_ERFCX: return g * (2 * x * y - constant(.float(1.128379167095512574)))
    case FB_OP_NDTRI: return g * (constant(.float(2.506628274631000502)) * op(FB_OP_EXP, 0.5 * y * y))
    case FB_OP_ZETA:
      return i == 1 ? g * (-x * op(FB_OP_ZETA, x + 1, args[1])) : constant(.float(.nan))
    case FB_OP_IGAMMA, FB_OP_IGAMMAC:
      if i == 0 { return constant(.float(.nan)) }
      let z = args[1]
      let density = op(FB_OP_EXP, (x - 1) * op(FB_OP_LOG, z) - z - op(FB_OP_LGAMMA, x))
      return opcode == FB_OP_IGAMMA ? g * density : -(g * density)
    case FB_OP_BESSEL_J0: return -(g * op(FB_OP_BESSEL_J1, x))
    // j1(x)/x → 1/2 at 0.
    case FB_OP_BESSEL_J1: return g * (x.abs .> tiny).select(op(FB_OP_BESSEL_J0, x) - y / x, 0.5)
    case FB_OP_BESSEL_Y0: return -(g * op(FB_OP_BESSEL_Y1, x))
    case FB_OP_BESSEL_Y1: return g * (op(FB_OP_BESSEL_Y0, x) - y / x)
    case FB_OP_K0: return -(g * op(FB_OP_K1, x))
    case FB_OP_K1: return -(g * (op(FB_OP_K0, x) + y / x))
    case FB_OP_K0E: return g * (y - op(FB_OP_K1E, x))
    case FB_OP_K1E: return g * (y - op(FB_OP_K0E, x) - y / x)
    case FB_OP_SPHERICAL_J0: return g * (x.abs .> tiny).select((op(FB_OP_COS, x) - y) / x, 0)
    // Not provided: their functions refuse to be differentiated.
    case FB_OP_AIRY_AI, FB_OP_CHEBYSHEV_T, FB_OP_CHEBYSHEV_U, FB_OP_CHEBYSHEV_V, FB_OP_CHEBYSHEV_W, FB_OP_HERMITE_H,
      FB_OP_HERMITE_HE, FB_OP_LAGUERRE_L, FB_OP_LEGENDRE_P:
      return constant(.float(.nan))
    case FB_OP_SGN:  // zero for real values; for complex ones the part across the direction
      return op(FB_OP_SELECT, x.abs .== 0, 0, (g - y * (g * y.conj).real) / x.abs)
    case FB_OP_ANGLE:  // g · (i x / |x|²), zero on the real axis in real arithmetic
      return op(FB_OP_SELECT, x.abs .== 0, 0, op(FB_OP_COMPLEX, -(g.real * x.imag), g.real * x.real) / (x.abs * x.abs))
    default: return 0  // comparisons, rounding, logic: flat wherever they have a slope
    }
  }

  private static let tiny: Expression = 1e-30

  /// b·aᵇ⁻¹ and aᵇ·ln a, with the limits 0 where the exponent or the base is 0.
  private static func powerDerivative(
    _ a: Expression, _ b: Expression, _ y: Expression, _ g: Expression, _ i: Int
  ) -> Expression {
    if i == 0 {
      if let exponent = b.constant, exponent.imaginary == 0 {
        if exponent.double == 0 { return 0 }
        if exponent.double == 1 { return g }
        if exponent.double == 2 { return g * (2 * a).conj }
      }
      return (b .== 0).select(0, g * (b * a.pow(b - 1)).conj)
    }
    let isPositive = (b.real.sign .== 1) .| (b.real .== 0)  // complex numbers have no order
    return ((a .== 0) .& isPositive).select(0, g * (y * op(FB_OP_LOG, a)).conj)
  }
}
