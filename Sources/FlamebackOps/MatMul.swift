import FlamebackCore
import FlamebackKernels

extension Primitives {
  /// alpha · a b + beta · c over matrices in the last two dimensions, the leading ones broadcast; c is optional.
  /// Of integers the factors are truncated, as PyTorch does.
  package struct MatrixMultiply: Primitive {
    package static let name = "matmul"
    package var autocast: AutocastRule { .lower }
    /// The name under which errors speak.
    package var name = "matmul"
    package var alpha: Scalar = 1
    package var beta: Scalar = 1

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      let a = inputs[0]
      let b = inputs[1]
      func mismatch(_ what: String) -> OpError {
        OpError(name, "\(what): \(inputs.map(\.description).joined(separator: " × "))")
      }
      guard a.rank >= 2, b.rank >= 2 else { throw mismatch("expected matrices") }
      guard inputs.allSatisfy({ $0.dtype == a.dtype }) else { throw mismatch("operands of different dtypes") }
      guard a.dtype != .bool else { throw OpError(name, "not defined for bool") }
      guard a.shape[a.rank - 1] == b.shape[b.rank - 2] else { throw mismatch("shapes cannot be multiplied") }
      guard let batch = Shape.broadcast(Shape(a.shape.dropLast(2)), Shape(b.shape.dropLast(2))) else {
        throw mismatch("batch dimensions do not broadcast")
      }
      let shape = batch + [a.shape[a.rank - 2], b.shape[b.rank - 1]]
      if inputs.count > 2, Shape.broadcast(inputs[2].shape, shape) != shape {
        throw mismatch("the added tensor does not broadcast to \(shape)")
      }
      return [TensorSpec(shape: shape, dtype: a.dtype, device: a.device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let out = outputs[0]
      let batch = Shape(out.shape.dropLast(2))
      func operand(_ view: HostView) -> MatrixProduct.Operand {
        let matrix = Shape(view.shape.suffix(2))
        return MatrixProduct.Operand(view.pointer, view.layout.expanded(to: batch + matrix)!, forms: view.forms)
      }
      guard inputs.count > 2, beta.bool else {
        return MatrixProduct.run(
          operand(inputs[0]), operand(inputs[1]), into: out.pointer, dtype: out.dtype, alpha: alpha)
      }
      let added = inputs[2].layout.expanded(to: out.shape)!.strides
      let isRow = beta.isOne && added.last == 1 && added.dropLast().allSatisfy { $0 == 0 }
      if !isRow { Strided.copy(inputs[2].pointer, out.dtype, added, to: out.pointer, out.dtype, nil, over: out.shape) }
      MatrixProduct.run(
        operand(inputs[0]), operand(inputs[1]), into: out.pointer, dtype: out.dtype, alpha: alpha,
        beta: isRow ? 0 : beta, bias: isRow ? inputs[2].pointer : nil)
    }

    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { [("alpha", "\(alpha)"), ("beta", "\(beta)")] }

    /// da = ᾱ g bᴴ, db = ᾱ aᴴ g, dc = β̄ g, each summed over the dimensions that were broadcast. The gradient of a transposed
    /// view is computed transposed, so that what lies beneath (a weight) gets it in its own order.
    package var gradient: Gradient {
      .pullback(keeps: [.input(0), .input(1)]) { [alpha, beta] cotangents, saved in
        guard let g = cotangents[0] else { return Array(repeating: nil, count: saved.inputCount) }
        let product = Primitives.MatrixMultiply(alpha: alpha.conjugate)
        var result: [Tensor?] = [nil, nil]
        if saved.needs(0) {
          let (a, b) = (saved.input(0), saved.input(1))
          let gradient =
            a.isTransposed
            ? apply(product, b.conj(), g.transpose(-2, -1)).transpose(-2, -1) : apply(product, g, b.adjoint())
          result[0] = gradient.summed(to: saved.spec(0).shape)
        }
        if saved.needs(1) {
          let (a, b) = (saved.input(0), saved.input(1))
          let gradient =
            b.isTransposed
            ? apply(product, g.transpose(-2, -1), a.conj()).transpose(-2, -1) : apply(product, a.adjoint(), g)
          result[1] = gradient.summed(to: saved.spec(1).shape)
        }
        if saved.inputCount > 2 {
          result.append(saved.needs(2) ? g.scaled(by: beta.conjugate).summed(to: saved.spec(2).shape) : nil)
        }
        return result
      }
    }
  }
}

extension Scalar {
  var conjugate: Scalar { if case .complex(let re, let im) = self { .complex(re, -im) } else { self } }
  var isOne: Bool { double == 1 && imaginary == 0 }
}

extension Tensor {
  /// Whether the last two dimensions lie in memory the other way round.
  fileprivate var isTransposed: Bool {
    let rank = rank
    return strides[rank - 2] == 1 && strides[rank - 1] > 1 && strides[rank - 1] >= shape[rank - 2]
  }

  /// The conjugate transpose of the last two dimensions; conjugation costs a copy for complex numbers only.
  func adjoint() -> Tensor {
    let flipped = transpose(-2, -1)
    return dtype.isComplex ? flipped.conj() : flipped
  }

  func scaled(by factor: Scalar) -> Tensor { factor.isOne ? self : self * factor }

  /// The matrix product, batched over leading dimensions; vectors count as a row on the left, a column on the right.
  ///
  /// [..., m, k] × [..., k, n] → [..., m, n]; two vectors give a scalar. SeeAlso: torch.matmul
  public func matmul(_ other: Tensor) -> Tensor { matmul(other, op: "matmul") }

  func matmul(_ other: Tensor, op: String) -> Tensor {
    guard rank > 0, other.rank > 0 else {
      return fail(op, "both arguments need at least one dimension: \(spec) × \(other.spec)", like: spec)
    }
    let left = rank == 1 ? unsqueeze(0) : self
    let right = other.rank == 1 ? other.unsqueeze(1) : other
    var result: Tensor
    let rows = left.rank
    if rows > 2, right.rank == 2 {
      // One tall product: its gradients are single products too.
      let size = left.shape[rows - 1]
      let tall = left.reshape([left.elementCount / Swift.max(size, 1), size])
      guard size > 0 else {
        return apply(Primitives.MatrixMultiply(name: op), left, right).droppingVectors(self, other)
      }
      result = apply(Primitives.MatrixMultiply(name: op), tall, right)
      result = result.reshape(left.shape.array.dropLast() + [right.shape[1]])
    } else {
      result = apply(Primitives.MatrixMultiply(name: op), left, right)
    }
    return result.droppingVectors(self, other)
  }

  /// The result without the dimensions of size 1 that vectors were given.
  private func droppingVectors(_ left: Tensor, _ right: Tensor) -> Tensor {
    let columns = right.rank == 1 ? squeeze(-1) : self
    return left.rank == 1 ? columns.squeeze(right.rank == 1 ? -1 : -2) : columns
  }

  /// The product of two matrices; nothing is broadcast. SeeAlso: torch.mm
  public func mm(_ other: Tensor) -> Tensor {
    guard rank == 2, other.rank == 2 else {
      return fail("mm", "expected two matrices: \(spec) × \(other.spec)", like: spec)
    }
    return apply(Primitives.MatrixMultiply(name: "mm"), self, other)
  }

  /// The products of two batches of matrices, [b, m, k] × [b, k, n]. SeeAlso: torch.bmm
  public func bmm(_ other: Tensor) -> Tensor {
    guard rank == 3, other.rank == 3, shape[0] == other.shape[0] else {
      return fail("bmm", "expected two batches of equal size: \(spec) × \(other.spec)", like: spec)
    }
    return apply(Primitives.MatrixMultiply(name: "bmm"), self, other)
  }

  /// Matrix times vector. SeeAlso: torch.mv
  public func mv(_ vector: Tensor) -> Tensor {
    guard rank == 2, vector.rank == 1 else {
      return fail("mv", "expected a matrix and a vector: \(spec) × \(vector.spec)", like: spec)
    }
    return matmul(vector, op: "mv")
  }

  /// The sum of the products of two vectors' elements. SeeAlso: torch.dot
  public func dot(_ other: Tensor) -> Tensor {
    guard rank == 1, other.rank == 1, elementCount == other.elementCount else {
      return fail("dot", "expected two vectors of equal size: \(spec) × \(other.spec)", like: spec)
    }
    return matmul(other, op: "dot")
  }

  /// `dot` with this vector conjugated. SeeAlso: torch.vdot
  public func vdot(_ other: Tensor) -> Tensor {
    guard rank == 1, other.rank == 1, elementCount == other.elementCount else {
      return fail("vdot", "expected two vectors of equal size: \(spec) × \(other.spec)", like: spec)
    }
    return (dtype.isComplex ? conj() : self).matmul(other, op: "vdot")
  }

  /// The product over the last dimension of both tensors; with a scalar, the elementwise product.
  /// SeeAlso: torch.inner
  public func inner(_ other: Tensor) -> Tensor {
    if rank == 0 || other.rank == 0 { return self * other }
    guard shape[rank - 1] == other.shape[other.rank - 1] else {
      return fail("inner", "the last dimensions differ: \(spec) × \(other.spec)", like: spec)
    }
    return tensordot(other, dims: ([-1], [-1]))
  }

  /// The products of all pairs of two vectors' elements. SeeAlso: torch.outer
  public func outer(_ other: Tensor) -> Tensor {
    guard rank == 1, other.rank == 1 else {
      return fail("outer", "expected two vectors: \(spec) × \(other.spec)", like: spec)
    }
    return unsqueeze(1) * other
  }
}
