import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let linalg: [String: Entry] = [
    "linalg.cholesky": { call in
      .tensor(try call.tensor(0, "A").cholesky(upper: try call.bool(call.name.hasPrefix("linalg") ? nil : 1, "upper")))
    },
    "linalg.cholesky_ex": { call in
      let result = try call.tensor(0, "A").choleskyEx(
        upper: try call.bool(nil, "upper"), checkErrors: try call.bool(nil, "check_errors"))
      return .tensors(result.l, result.info, fields: ["L", "info"])
    },
    "cholesky_solve": { call in
      .tensor(
        try call.tensor(0, "B").choleskySolve(try call.tensor(1, "L"), upper: try call.bool(2, "upper")))
    },
    "cholesky_inverse": { call in
      .tensor(try call.tensor(0, "L").choleskyInverse(upper: try call.bool(1, "upper")))
    },
    "linalg.inv": { call in .tensor(try call.tensor(0, "A").inv()) },
    "inverse": unary { $0.inv() },
    "linalg.inv_ex": { call in
      let result = try call.tensor(0, "A").invEx(checkErrors: try call.bool(nil, "check_errors"))
      return .tensors(result.inverse, result.info, fields: ["inverse", "info"])
    },
    "linalg.solve": { call in
      .tensor(try call.tensor(0, "A").solve(try call.tensor(1, "B"), left: try call.bool(nil, "left", default: true)))
    },
    "linalg.solve_ex": { call in
      let result = try call.tensor(0, "A").solveEx(
        try call.tensor(1, "B"), left: try call.bool(nil, "left", default: true),
        checkErrors: try call.bool(nil, "check_errors"))
      return .tensors(result.result, result.info, fields: ["result", "info"])
    },
    "linalg.tensorinv": { call in .tensor(try call.tensor(0, "A").tensorinv(ind: try call.int(1, "ind", default: 2))) },
    "linalg.tensorsolve": { call in
      .tensor(try call.tensor(0, "A").tensorsolve(try call.tensor(1, "B"), dims: try call.optionalInts(2, "dims")))
    },
    "linalg.solve_triangular": { call in
      .tensor(
        try call.tensor(0, "A").solveTriangular(
          try call.tensor(1, "B"), upper: try call.bool(nil, "upper"), left: try call.bool(nil, "left", default: true),
          unitriangular: try call.bool(nil, "unitriangular")))
    },
    "triangular_solve": { call in
      let result = try call.tensor(0, "b").triangularSolve(
        try call.tensor(1, "A"), upper: try call.bool(2, "upper", default: true),
        transpose: try call.bool(3, "transpose"), unitriangular: try call.bool(4, "unitriangular"))
      return .tensors(result.solution, result.clonedCoefficient, fields: ["solution", "cloned_coefficient"])
    },
    "linalg.lu_factor": { call in
      let result = try call.tensor(0, "A").luFactor(pivot: try call.bool(nil, "pivot", default: true))
      return .tensors(result.lu, result.pivots, fields: ["LU", "pivots"])
    },
    "linalg.lu_factor_ex": { call in
      let result = try call.tensor(0, "A").luFactorEx(
        pivot: try call.bool(nil, "pivot", default: true), checkErrors: try call.bool(nil, "check_errors"))
      return .tensors(result.lu, result.pivots, result.info, fields: ["LU", "pivots", "info"])
    },
    "lu": { call in
      let result = try call.tensor(0, "A").luFactorEx(pivot: try call.bool(1, "pivot", default: true))
      return try call.bool(2, "get_infos")
        ? .tensors(result.lu, result.pivots, result.info) : .tensors(result.lu, result.pivots)
    },
    "linalg.lu": { call in
      let result = try call.tensor(0, "A").lu(pivot: try call.bool(nil, "pivot", default: true))
      return .tensors(result.p, result.l, result.u, fields: ["P", "L", "U"])
    },
    "lu_unpack": { call in
      let result = try call.tensor(0, "LU_data").luUnpack(
        try call.tensor(1, "LU_pivots"), unpackData: try call.bool(2, "unpack_data", default: true),
        unpackPivots: try call.bool(3, "unpack_pivots", default: true))
      return .tensors(result.p, result.l, result.u, fields: ["P", "L", "U"])
    },
    "linalg.lu_solve": { call in
      .tensor(
        try call.tensor(0, "LU").luSolve(
          try call.tensor(1, "pivots"), try call.tensor(2, "B"), left: try call.bool(nil, "left", default: true),
          adjoint: try call.bool(nil, "adjoint")))
    },
    "lu_solve": { call in
      .tensor(
        try call.tensor(1, "LU_data").luSolve(try call.tensor(2, "LU_pivots"), try call.tensor(0, "b")))
    },
    "linalg.det": { call in .tensor(try call.tensor(0, "A").det()) },
    "linalg.slogdet": { call in
      let result = try call.tensor(0, "A").slogdet()
      return .tensors(result.sign, result.logabsdet, fields: ["sign", "logabsdet"])
    },
    "logdet": unary { $0.logdet() },
    "linalg.qr": { call in
      let name = try call.string(1, "mode", default: "reduced")
      guard let mode = QRMode(rawValue: name) else { throw CallError("qr(): unknown mode '\(name)'") }
      let result = try call.tensor(0, "A").qr(mode: mode)
      return .tensors(result.q, result.r, fields: ["Q", "R"])
    },
    "qr": { call in
      let result = try call.tensor(0, "input").qr(mode: try call.bool(1, "some", default: true) ? .reduced : .complete)
      return .tensors(result.q, result.r, fields: ["Q", "R"])
    },
    "geqrf": { call in
      let result = try call.tensor(0, "input").geqrf()
      return .tensors(result.a, result.tau, fields: ["a", "tau"])
    },
    "linalg.householder_product": { call in
      .tensor(try call.tensor(0, "A").householderProduct(try call.tensor(1, "tau")))
    },
    "orgqr": { call in .tensor(try call.tensor(0, "input").householderProduct(try call.tensor(1, "tau"))) },
    "ormqr": { call in
      .tensor(
        try call.tensor(0, "input").ormqr(
          try call.tensor(1, "tau"), try call.tensor(2, "other"), left: try call.bool(3, "left", default: true),
          transpose: try call.bool(4, "transpose")))
    },
    "linalg.svd": { call in
      call.ignore("driver")
      let result = try call.tensor(0, "A").svd(fullMatrices: try call.bool(1, "full_matrices", default: true))
      return .tensors(result.u, result.s, result.vh, fields: ["U", "S", "Vh"])
    },
    "svd": { call in
      let x = try call.tensor(0, "input")
      let result = x.svd(fullMatrices: try !call.bool(1, "some", default: true))
      guard try call.bool(2, "compute_uv", default: true) else {
        return .tensors(Tensor.zerosLike(result.u), result.s, Tensor.zerosLike(result.vh.transpose(-2, -1)))
      }
      return .tensors(result.u, result.s, result.vh.transpose(-2, -1).conj(), fields: ["U", "S", "V"])
    },
    "linalg.svdvals": { call in
      call.ignore("driver")
      return .tensor(try call.tensor(0, "A").svdvals())
    },
    "linalg.eig": { call in
      let result = try call.tensor(0, "A").eig()
      return .tensors(result.eigenvalues, result.eigenvectors, fields: ["eigenvalues", "eigenvectors"])
    },
    "linalg.eigvals": { call in .tensor(try call.tensor(0, "A").eigvals()) },
    "linalg.eigh": { call in
      let result = try call.tensor(0, "A").eigh(upper: try isUpper(call))
      return .tensors(result.eigenvalues, result.eigenvectors, fields: ["eigenvalues", "eigenvectors"])
    },
    "linalg.eigvalsh": { call in .tensor(try call.tensor(0, "A").eigvalsh(upper: try isUpper(call))) },
    "linalg.lstsq": { call in
      let name = try call.string(nil, "driver", default: "gelsy")
      guard let driver = LeastSquaresDriver(rawValue: name) else {
        throw CallError("lstsq(): unknown driver '\(name)'")
      }
      let result = try call.tensor(0, "A").lstsq(
        try call.tensor(1, "B"), rcond: try call.optionalDouble(2, "rcond"), driver: driver)
      return .tensors(
        result.solution, result.residuals, result.rank, result.singularValues,
        fields: ["solution", "residuals", "rank", "singular_values"])
    },
    "linalg.pinv": { call in
      .tensor(
        try call.tensor(0, "A").pinv(
          atol: try call.optionalOperand(nil, "atol"), rtol: try rtol(call),
          hermitian: try call.bool(nil, "hermitian")))
    },
    "pinverse": { call in .tensor(try call.tensor(0, "input").pinv(rtol: try call.double(1, "rcond", default: 1e-15)))
    },
    "linalg.matrix_rank": { call in
      .tensor(
        try call.tensor(0, "A").matrixRank(
          atol: try call.optionalOperand(nil, "atol"), rtol: try rtol(call),
          hermitian: try call.bool(nil, "hermitian")))
    },
    "linalg.cond": { call in
      .tensor(
        try call.tensor(0, "A").cond(try call.value(1, "p") == nil ? .order(2) : try matrixOrder(call, 1, "p")))
    },
    "linalg.matrix_power": { call in .tensor(try call.tensor(0, "A").matrixPower(try call.int(1, "n"))) },
    "matrix_exp": { call in .tensor(try call.tensor(0, call.name.hasPrefix("linalg") ? "A" : "input").matrixExp()) },
    "linalg.polar": { call in
      let result = try call.tensor(0, "A").polarDecomposition()
      return .tensors(result.u, result.h, fields: ["U", "H"])
    },
    "linalg.matrix_sqrth": { call in .tensor(try call.tensor(0, "A").matrixSqrth()) },
    "linalg.ldl_factor": { call in
      let result = try call.tensor(0, "A").ldlFactor(hermitian: try call.bool(nil, "hermitian"))
      return .tensors(result.ld, result.pivots, fields: ["LD", "pivots"])
    },
    "linalg.ldl_factor_ex": { call in
      let result = try call.tensor(0, "A").ldlFactorEx(
        hermitian: try call.bool(nil, "hermitian"), checkErrors: try call.bool(nil, "check_errors"))
      return .tensors(result.ld, result.pivots, result.info, fields: ["LD", "pivots", "info"])
    },
    "linalg.ldl_solve": { call in
      .tensor(
        try call.tensor(0, "LD").ldlSolve(
          try call.tensor(1, "pivots"), try call.tensor(2, "B"), hermitian: try call.bool(nil, "hermitian")))
    },
    "linalg.vander": { call in .tensor(try call.tensor(0, "x").vandermonde(try call.optionalInt(nil, "N"))) },
    "vander": { call in
      .tensor(try call.tensor(0, "x").vander(try call.optionalInt(1, "N"), increasing: try call.bool(2, "increasing")))
    },
    "linalg.cross": { call in
      .tensor(
        try call.tensor(0, "input").cross(try call.tensor(1, "other"), dim: try call.int(nil, "dim", default: -1)))
    },
    "cross": { call in
      let (x, other) = (try call.tensor(0, "input"), try call.tensor(1, "other"))
      // Without `dim` PyTorch takes the first dimension of size 3.
      let first = x.shape.firstIndex(of: 3) ?? -1
      return .tensor(x.cross(other, dim: try call.optionalInt(2, "dim") ?? first))
    },
    "linalg.vecdot": { call in
      .tensor(try call.tensor(0, "x").vecdot(try call.tensor(1, "y"), dim: try call.int(nil, "dim", default: -1)))
    },
    "linalg.diagonal": { call in
      .tensor(
        try call.tensor(0, "A").diagonal(
          offset: try call.int(nil, "offset", default: 0), dim1: try call.int(nil, "dim1", default: -2),
          dim2: try call.int(nil, "dim2", default: -1)))
    },
    "linalg.matmul": { call in .tensor(try call.tensor(0, "input").matmul(try call.tensor(1, "other"))) },
  ]

  private static func isUpper(_ call: Call) throws -> Bool {
    switch try call.string(1, "UPLO", default: "L") {
    case "L", "l": false
    case "U", "u": true
    case let other: throw CallError("\(call.name)(): UPLO must be L or U, not '\(other)'")
    }
  }

  /// `rtol`, or `rcond` and `tol` as it was once called.
  private static func rtol(_ call: Call) throws -> Operand? {
    let old = try call.optionalOperand(1, call.name.hasSuffix("pinv") ? "rcond" : "tol")
    return try call.optionalOperand(nil, "rtol") ?? old
  }
}
