import FlamebackCore
import FlamebackKernels

extension Tensor {
  /// A number for the elements over `dim` (default: everything), as uint64: their bits joined by exclusive or.
  ///
  /// Floating point numbers give the 64 bits of their float64 values, integers and bools those of their uint64 values, so
  /// the order of the elements does not matter. Reports an error for complex tensors. SeeAlso: torch.hash_tensor
  public func hashTensor(dim: (any Dims)? = nil, keepDim: Bool = false) -> Tensor {
    attempt(.poisoned(TensorSpec(shape: [], dtype: .uint64))) { () throws(OpError) in
      guard !dtype.isComplex else { throw OpError("hashTensor", "not defined for complex numbers: \(spec)") }
      let dims = try ReducedDims(dim, rank: rank, keepDim: keepDim, op: "hashTensor")
      let bits = dtype.isFloatingPoint ? withoutHistory.to(.float64).view(.uint64) : withoutHistory.to(.uint64)
      return apply(Primitives.ExclusiveOr(dims: dims), bits)
    }
  }
}

extension Primitives {
  /// The exclusive or of uint64 numbers over some dimensions; 0 for none.
  package struct ExclusiveOr: Primitive {
    package static let name = "exclusive_or"
    package let dims: ReducedDims

    package var families: DType.Family { .unsigned }
    package var acceptsStrides: Bool { true }
    package var attributes: [(String, String)] { dims.attributes }

    package func infer(_ inputs: [TensorSpec]) throws(OpError) -> [TensorSpec] {
      guard inputs[0].dtype == .uint64 else { throw OpError(name, "expects a uint64 tensor, got \(inputs[0])") }
      return [TensorSpec(shape: dims.resultShape(of: inputs[0].shape), dtype: .uint64, device: inputs[0].device)]
    }

    package func runOnHost(_ inputs: [HostView], into outputs: [MutableHostView]) throws(OpError) {
      let x = inputs[0]
      let result = outputs[0].pointer.assumingMemoryBound(to: UInt64.self)
      let count = outputs[0].elementCount
      if count == 0 { return }
      let kept = (0..<x.shape.count).filter { !dims.dims.contains($0) }
      let lines = x.layout.permuted(kept + dims.dims.sorted())
      guard let memory = ScratchMemory(byteCount: x.elementCount * x.dtype.byteSize) else { return }
      Strided.copy(x.pointer, x.dtype, lines.strides, to: memory.pointer, x.dtype, nil, over: lines.shape)
      let elements = UnsafePointer(memory.pointer.assumingMemoryBound(to: UInt64.self))
      let n = x.elementCount / count
      ThreadPool.run(count: count, grain: max(1, 32768 / max(n, 1))) { range in
        for line in range {
          var bits: UInt64 = 0
          for i in line * n..<(line + 1) * n { bits ^= elements[i] }
          result[line] = bits
        }
      }
      withExtendedLifetime(memory) {}
    }

    package var gradient: Gradient { .none(because: "a hash does not change smoothly") }
  }
}
