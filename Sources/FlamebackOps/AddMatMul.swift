import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// beta · self + alpha · (a b) in one pass; with beta 0 the tensor's values do not matter. SeeAlso: torch.addmm
  public func addmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard a.rank == 2, b.rank == 2 else {
      return fail("addmm", "expected two matrices: \(a.spec) × \(b.spec)", like: a.spec)
    }
    return apply(Primitives.MatrixMultiply(name: "addmm", alpha: alpha, beta: beta), a, b, self)
  }

  /// beta · self + alpha · (matrix vector). SeeAlso: torch.addmv
  public func addmv(_ matrix: Tensor, _ vector: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard matrix.rank == 2, vector.rank == 1, rank <= 1 else {
      return fail(
        "addmv", "expected a vector, a matrix and a vector: \(spec), \(matrix.spec) × \(vector.spec)", like: spec)
    }
    let column = rank == 0 ? self : unsqueeze(1)
    return apply(
      Primitives.MatrixMultiply(name: "addmv", alpha: alpha, beta: beta), matrix, vector.unsqueeze(1), column
    )
    .squeeze(1)
  }

  /// beta · self + alpha · (a b) for batches of matrices. SeeAlso: torch.baddbmm
  public func baddbmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard a.rank == 3, b.rank == 3, a.shape[0] == b.shape[0] else {
      return fail("baddbmm", "expected two batches of equal size: \(a.spec) × \(b.spec)", like: a.spec)
    }
    return apply(Primitives.MatrixMultiply(name: "baddbmm", alpha: alpha, beta: beta), a, b, self)
  }

  /// beta · self + alpha · the sum over the batch of a b: one product along batch and inner dimension together.
  /// SeeAlso: torch.addbmm
  public func addbmm(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard a.rank == 3, b.rank == 3, a.shape[0] == b.shape[0], a.shape[2] == b.shape[1] else {
      return fail("addbmm", "expected two batches of equal size: \(a.spec) × \(b.spec)", like: a.spec)
    }
    let depth = a.shape[0] * a.shape[2]
    let wide = a.permute([1, 0, 2]).reshape([a.shape[1], depth])
    let tall = b.reshape([depth, b.shape[2]])
    return apply(Primitives.MatrixMultiply(name: "addbmm", alpha: alpha, beta: beta), wide, tall, self)
  }

  /// beta · self + alpha · the outer product of two vectors. SeeAlso: torch.addr
  public func addr(_ a: Tensor, _ b: Tensor, beta: Scalar = 1, alpha: Scalar = 1) -> Tensor {
    guard a.rank == 1, b.rank == 1 else {
      return fail("addr", "expected two vectors: \(a.spec) × \(b.spec)", like: a.spec)
    }
    let product = a.outer(b)
    if !product.dtype.isDifferentiable, beta.category > .integer || alpha.category > .integer {
      return fail("addr", "alpha and beta of integer tensors must be integers", like: product.spec)
    }
    let shape = product.shape
    guard product.isPoisoned || Shape.broadcast(self.shape, shape) == shape else {
      return fail("addr", "\(spec) does not broadcast to \(shape)", like: product.spec)
    }
    let scaled = product.scaled(by: alpha)
    let result = beta.bool ? self.scaled(by: beta) + scaled : scaled
    return dtype == .bool && product.dtype == .bool ? result.to(.bool) : result
  }

  /// x weightᵀ + bias. [..., in] × [out, in] → [..., out]; a weight of rank 1 gives [...].
  /// SeeAlso: torch.nn.functional.linear
  public func linear(_ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    guard rank >= 1, weight.rank == 1 || weight.rank == 2 else {
      return fail("linear", "expected a weight of rank 1 or 2: \(spec) × \(weight.spec)", like: spec)
    }
    guard weight.rank == 2, shape[rank - 1] == weight.shape[1], let bias, bias.rank <= 1, weight.shape[1] > 0,
      bias.rank == 0 || bias.shape[0] == weight.shape[0] || rank == 2
    else {
      let product = matmul(weight.rank == 2 ? weight.transpose(0, 1) : weight, op: "linear")
      return bias.map { product + $0 } ?? product
    }
    let size = weight.shape[1]
    let rows = rank == 2 ? self : reshape([elementCount / size, size])
    let result = apply(Primitives.MatrixMultiply(name: "linear"), rows, weight.transpose(0, 1), bias)
    return rank == 2 ? result : result.reshape(shape.array.dropLast() + [weight.shape[0]])
  }

  /// y_o = x₁ᵀ W_o x₂ + b_o for every row. [..., i], [..., j], weight [out, i, j] → [..., out].
  /// SeeAlso: torch.nn.functional.bilinear
  public func bilinear(_ other: Tensor, _ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    guard rank >= 1, other.rank == rank, weight.rank == 3, shape.dropLast().elementsEqual(other.shape.dropLast()),
      weight.shape[1] == shape[rank - 1], weight.shape[2] == other.shape[rank - 1]
    else {
      return fail(
        "bilinear", "shapes do not fit: \(spec) and \(other.spec) with weight \(weight.spec)", like: spec)
    }
    let result = einsum("...i,oij,...j->...o", self, weight, other)
    return bias.map { result + $0 } ?? result
  }
}
