import CKernels
import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// The coordinates of the elements that are not 0, one row each. SeeAlso: torch.nonzero
  public func nonzero() -> Tensor { apply(Primitives.Nonzero(count: nonzeroCount), self) }

  /// The coordinates of the elements that are not 0, a tensor for each dimension.
  /// SeeAlso: torch.nonzero with as_tuple, torch.where of one argument
  public func nonzeroAsTuple() -> [Tensor] { rank == 0 ? atLeast1d().nonzeroAsTuple() : nonzero().unbind(dim: 1) }

  /// SeeAlso: torch.argwhere
  public func argwhere() -> Tensor { nonzero() }
}

extension Primitives {
  /// The coordinates of nonzero elements.
  package struct Nonzero: Primitive {
    package static let name = "nonzero"
    package let count: Int

    package var families: DType.Family { .all }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      [TensorSpec(shape: [count, inputs[0].rank], dtype: .int64, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      if x.shape.count == 0 || x.elementCount == 0 { return }
      let n = Int64(x.elementCount)
      guard fb_count_nonzero(x.code, x.pointer, 0, n) == count else {
        throw OpError(name, "the number of nonzero elements is no longer the \(count) recorded")
      }
      _ = x.shape.withUnsafePointer { shape in
        fb_nonzero(x.code, x.pointer, Int32(x.shape.count), shape, outputs[0].int64s, 0, n)
      }
    }

    /// Each nonzero element's number among them, by a running sum, is where its place goes; the others' go behind the end.
    package func decomposed(_ inputs: [Tensor]) -> [Tensor]? {
      let x = inputs[0]
      let device = x.device
      if x.rank == 0 || count == 0 { return [Tensor.zeros([count, x.rank], dtype: .int64, device: device)] }
      let isFound = (x.reshape([-1]) .!= 0)
      let numbers = apply(RunningSum(dim: 0), isFound.to(.int64)) - 1
      let all = Tensor.arange(x.elementCount, device: device)
      let targets = FlamebackOps.select(where: isFound, numbers, count)
      let places = Tensor.zeros([count + 1], dtype: .int64, device: device)
        .scatter(dim: 0, index: targets, src: all).narrow(dim: 0, start: 0, length: count)
      var rest = places
      var columns: [Tensor] = []
      for stride in x.shape.contiguousStrides {
        columns.append(rest.floorDivide(stride))
        rest = rest.remainder(stride)
      }
      return [Tensor.stack(columns, dim: 1)]
    }

    package var gradient: Gradient { .none(because: "positions do not vary smoothly") }
  }
}

extension Tensor {
  /// `nonzero` with exactly `size` rows: cut, or filled up with `fillValue`. SeeAlso: torch.nonzero_static
  public func nonzeroStatic(size: Int, fillValue: Int = -1) -> Tensor {
    guard size >= 0 else { return fail("nonzeroStatic", "size must not be negative, got \(size)", like: spec) }
    let found = nonzero()
    return found.constantPad([0, 0, 0, size - found.shape[0]], value: .int(fillValue))
  }
}
