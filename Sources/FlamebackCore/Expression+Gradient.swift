import FlamebackKernels

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
      case .input, .parameter, .constant, .result: break
      }
    }
    var adjoint: [ObjectIdentifier: Expression] = [ObjectIdentifier(node): g]
    var total: Expression = 0
    for node in order.reversed() {
      guard let g = adjoint[ObjectIdentifier(node)] else { continue }
      if case .input(target) = node.kind { total = total + g }
      guard case .operation(let opcode, let args) = node.kind else { continue }
      let value = node === root ? Expression(.result) : Expression(node)
      if opcode == .select {  // each branch on its own: what the other one computes may be infinite
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
    _ opcode: Opcode, _ args: [Expression], _ y: Expression, _ g: Expression, _ i: Int
  ) -> Expression {
    let x = args[0]
    switch opcode {
    case .add: return g
    case .sub: return i == 0 ? g : -g
    case .mul: return g * args[1 - i].conj
    case .div: return i == 0 ? g / args[1].conj : -(g * (y / args[1]).conj)
    case .neg: return -g
    case .conj: return g.conj
    case .real: return g.real
    case .imag: return op(.complex, 0, g.real)
    case .complex: return i == 0 ? g.real : g.imag
    case .abs: return g.real * x.sign
    case .reciprocal: return -(g * (y * y).conj)
    case .sqrt: return g / (2 * y).conj
    case .rsqrt: return -0.5 * (g * (y * y * y).conj)
    case .pow: return powerDerivative(x, args[1], y, g, i)
    case .remainder: return i == 0 ? g : -(g * op(.floorDiv, x, args[1]))
    case .fmod: return i == 0 ? g : -(g * op(.truncDiv, x, args[1]))
    // Ties share the gradient.
    case .maximum: return (x .== args[1]).select(g / 2, (args[i] .< args[1 - i]).select(0, g))
    case .minimum: return (x .== args[1]).select(g / 2, (args[i] .> args[1 - i]).select(0, g))
    case .fmax, .fmin:
      let first = (opcode == .fmax ? x .>= args[1] : x .<= args[1]) .| args[1].isNaN
      return (x .== args[1]).select(g / 2, i == 0 ? first.select(g, 0) : first.select(0, g))
    case .atan2:
      let square = x * x + args[1] * args[1]
      let share = i == 0 ? args[1] / square : -x / square
      return g * (square .== 0).select(0, share)  // at the origin PyTorch says that nothing moves
    case .hypot: return g * (args[i] / y)
    case .copySign:
      return i == 0 ? g * (x .== 0).select(0, y / x) : 0
    case .exp: return g * y.conj
    case .exp2: return g * (y * constant(.float(0.693147180559945309))).conj
    case .expm1: return g * (y + 1).conj
    case .log: return g / x.conj
    case .log2: return g / (x * constant(.float(0.693147180559945309))).conj
    case .log10: return g / (x * constant(.float(2.302585092994045684))).conj
    case .log1p: return g / (x + 1).conj
    case .sin: return g * op(.cos, x).conj
    case .cos: return g * -op(.sin, x).conj
    case .tan: return g * (1 + y * y).conj
    case .asin: return g * op(.rsqrt, 1 - x * x).conj
    case .acos: return g * -op(.rsqrt, 1 - x * x).conj
    case .atan: return g / (x * x + 1).conj
    case .sinh: return g * op(.cosh, x).conj
    case .cosh: return g * op(.sinh, x).conj
    case .tanh: return g * (1 - y * y).conj
    case .asinh: return g * op(.rsqrt, x * x + 1).conj
    case .acosh: return g * (op(.rsqrt, x - 1) * op(.rsqrt, x + 1)).conj
    case .atanh: return g / (1 - x * x).conj
    case .sigmoid: return g * ((1 - y) * y).conj
    case .erf: return g * (constant(.float(1.128379167095512574)) * op(.exp, -(x * x)))
    case .erfc: return g * (constant(.float(-1.128379167095512574)) * op(.exp, -(x * x)))
    case .erfinv: return g * (constant(.float(0.886226925452758014)) * op(.exp, y * y))
    case .lgamma: return g * op(.digamma, x)
    case .digamma: return g * op(.polygamma, 1, x)
    case .polygamma: return i == 1 ? g * op(.polygamma, x + 1, args[1]) : constant(.float(.nan))
    case .i0: return g * op(.i1, x)
    case .i0e: return g * (op(.i1e, x) - x.sign * y)
    // i1(x)/x → 1/2 at 0.
    case .i1: return g * (x.abs .> tiny).select(op(.i0, x) - y / x, 0.5)
    case .i1e: return g * (x.abs .> tiny).select(op(.i0e, x) - y * (x.sign + 1 / x), 0.5)
    case .erfcx: return g * (2 * x * y - constant(.float(1.128379167095512574)))
    case .ndtri: return g * (constant(.float(2.506628274631000502)) * op(.exp, 0.5 * y * y))
    case .zeta:
      return i == 1 ? g * (-x * op(.zeta, x + 1, args[1])) : constant(.float(.nan))
    case .igamma, .igammac:
      if i == 0 { return constant(.float(.nan)) }
      let z = args[1]
      let density = op(.exp, (x - 1) * op(.log, z) - z - op(.lgamma, x))
      return opcode == .igamma ? g * density : -(g * density)
    case .besselJ0: return -(g * op(.besselJ1, x))
    // j1(x)/x → 1/2 at 0.
    case .besselJ1: return g * (x.abs .> tiny).select(op(.besselJ0, x) - y / x, 0.5)
    case .besselY0: return -(g * op(.besselY1, x))
    case .besselY1: return g * (op(.besselY0, x) - y / x)
    case .k0: return -(g * op(.k1, x))
    case .k1: return -(g * (op(.k0, x) + y / x))
    case .k0e: return g * (y - op(.k1e, x))
    case .k1e: return g * (y - op(.k0e, x) - y / x)
    case .sphericalJ0: return g * (x.abs .> tiny).select((op(.cos, x) - y) / x, 0)
    // Not provided: their functions refuse to be differentiated.
    case .airyAi, .chebyshevT, .chebyshevU, .chebyshevV, .chebyshevW, .hermiteH,
      .hermiteHe, .laguerreL, .legendreP:
      return constant(.float(.nan))
    case .sgn:  // zero for real values; for complex ones the part across the direction
      return op(.select, x.abs .== 0, 0, (g - y * (g * y.conj).real) / x.abs)
    case .angle:  // g · (i x / |x|²), zero on the real axis in real arithmetic
      return op(.select, x.abs .== 0, 0, op(.complex, -(g.real * x.imag), g.real * x.real) / (x.abs * x.abs))
    // Flat wherever they have a slope; integers have none.
    case .eq, .ne, .lt, .le, .gt, .ge, .logicalAnd, .logicalOr, .logicalXor, .logicalNot, .isNaN, .isInf, .signBit,
      .floor, .ceil, .trunc, .round, .floorDiv, .truncDiv, .nextAfter, .bitwiseAnd, .bitwiseOr, .bitwiseXor,
      .bitwiseNot, .shiftLeft, .shiftRight, .gcd, .lcm:
      return 0
    case .select: preconditionFailure("each branch of a selection has its own gradient")
    case .gelu, .geluGrad, .geluTanh, .geluTanhGrad, .silu, .siluGrad, .tanhGrad, .sigmoidGrad, .relu, .reluGrad,
      .leakyRelu, .leakyReluGrad, .absGrad, .sqrtGrad, .erfGrad, .divisorGrad, .maximumGrad, .maximumGradOfSecond,
      .scaleShift:
      preconditionFailure("expressions that are differentiated hold no whole functions")
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
    return ((a .== 0) .& isPositive).select(0, g * (y * op(.log, a)).conj)
  }
}
