import CKernels

/// One operand of the elementwise engine: where it lies and how it is strided over the result's shape.
public struct ElementwiseOperand {
  public var pointer: UnsafeMutableRawPointer
  public var dtype: DType
  /// Over the shape of the whole operation; nil if element k lies at position k.
  public var strides: Shape?

  public init(_ pointer: UnsafeMutableRawPointer, _ dtype: DType, strides: Shape?) {
    self.pointer = pointer
    self.dtype = dtype
    self.strides = strides
  }

  /// An operand of that layout, broadcast to `shape`.
  public init(_ base: UnsafeMutableRawPointer, _ dtype: DType, layout: Layout, over shape: Shape) {
    pointer = base
    self.dtype = dtype
    if layout.shape == shape {
      strides = layout.isContiguous ? nil : layout.strides
    } else {
      strides = layout.expanded(to: shape)!.strides
    }
  }
}

/// A compiled expression: instructions over registers, as CKernels reads it.
public final class ElementwiseProgram: @unchecked Sendable {
  public let instructions: [fb_instruction]
  public let inputCount: Int
  public let constants: [Scalar]
  public let outputRegisters: [UInt16]
  /// One instruction that computes the same in floating point, over the same inputs and parameters but no constants.
  public let kernel: fb_instruction?
  // The same in memory that stays where it is; the kernel behind the steps, its register behind the others.
  private let code: UnsafeMutablePointer<fb_instruction>
  private let registers: UnsafeMutablePointer<UInt16>

  public init(
    instructions: [fb_instruction], inputCount: Int, constants: [Scalar], outputRegisters: [UInt16],
    kernel: fb_instruction? = nil, parameterCount: Int = 0
  ) {
    self.instructions = instructions
    self.inputCount = inputCount
    self.constants = constants
    self.outputRegisters = outputRegisters
    self.kernel = kernel
    code = .allocate(capacity: instructions.count + 1)
    code.initialize(from: instructions, count: instructions.count)
    (code + instructions.count).initialize(to: kernel ?? fb_instruction())
    registers = .allocate(capacity: outputRegisters.count + 1)
    registers.initialize(from: outputRegisters, count: outputRegisters.count)
    (registers + outputRegisters.count).initialize(to: UInt16(inputCount + parameterCount))
  }

  deinit {
    code.deallocate()
    registers.deallocate()
  }

  /// The same without its kernel: what the kernel is compared with.
  package var steps: ElementwiseProgram {
    ElementwiseProgram(
      instructions: instructions, inputCount: inputCount, constants: constants, outputRegisters: outputRegisters)
  }

  /// Elements below which a loop stays on one thread.
  public static let grain = 32768

  /// The shortest way for small work: one or two packed operands, at most one number, one packed output.
  @inline(__always)
  public func runPacked(
    compute: DType, count: Int, _ a: UnsafeMutableRawPointer, _ b: UnsafeMutableRawPointer?, _ dtype: DType,
    number: Scalar?, into out: UnsafeMutableRawPointer, _ outDType: DType
  ) -> Int32 {
    let linear = Int32(FB_LINEAR)
    let input = fb_dtype(dtype.rawValue)
    var operands = (
      fb_operand(data: a, dtype: input, kind: linear, strides: nil),
      fb_operand(data: b, dtype: input, kind: linear, strides: nil),
      fb_operand(data: out, dtype: fb_dtype(outDType.rawValue), kind: linear, strides: nil)
    )
    let inputs = b == nil ? 1 : 2
    let hasKernel = kernel != nil  // operands are floating point
    let code = hasKernel ? self.code + instructions.count : self.code
    let registers = hasKernel ? self.registers + outputRegisters.count : self.registers
    let steps = hasKernel ? 1 : Int32(instructions.count)
    let constants = hasKernel ? [] : self.constants
    let computeCode = compute.arithmetic.rawValue
    return withUnsafeTemporaryAllocation(of: fb_scalar.self, capacity: constants.count + 1) { scalars in
      var used = 0
      if let number {
        scalars[0] = fb_scalar(number)
        used = 1
      }
      for constant in constants {
        scalars[used] = fb_scalar(constant)
        used += 1
      }
      return withUnsafePointer(to: &operands) { pointer in
        let first = UnsafeRawPointer(pointer).assumingMemoryBound(to: fb_operand.self)
        var size = Int64(count)
        return fb_elementwise(
          code, steps, first, Int32(inputs), scalars.baseAddress, Int32(used), first + 2, registers, 1, computeCode, 1,
          &size, 0, size)
      }
    }
  }

  /// Computes all outputs over `shape`. `parameters` come first among the parameter registers, constants follow.
  /// Returns the engine's error flags (1: an integer was divided by zero).
  @discardableResult
  public func run(
    compute: DType, shape: Shape, inputs: [ElementwiseOperand], parameters: [Scalar], outputs: [ElementwiseOperand]
  ) -> Int32 {
    let count = shape.elementCount
    if count == 0 { return 0 }
    let computeCode = compute.arithmetic.rawValue
    let hasKernel = kernel != nil && compute.isFloatingPoint
    let code = hasKernel ? self.code + instructions.count : self.code
    let registers = hasKernel ? self.registers + outputRegisters.count : self.registers
    let steps = hasKernel ? 1 : Int32(instructions.count)
    let constants = hasKernel ? [] : self.constants
    return withUnsafeTemporaryAllocation(of: fb_operand.self, capacity: inputs.count + outputs.count) { operands in
      withUnsafeTemporaryAllocation(of: fb_scalar.self, capacity: parameters.count + constants.count + 1) { scalars in
        withUnsafeTemporaryAllocation(of: Shape.self, capacity: inputs.count + outputs.count + 1) { strides in
          for i in 0..<inputs.count + outputs.count {
            let operand = i < inputs.count ? inputs[i] : outputs[i - inputs.count]
            strides.initializeElement(at: i, to: operand.strides ?? Shape())
            var kind = Int32(FB_LINEAR)
            if let own = operand.strides {
              kind = own.allSatisfy { $0 == 0 } ? Int32(FB_SINGLE) : Int32(FB_STRIDED)
              if count == 1 { kind = Int32(FB_LINEAR) }
            }
            let pointer = strides.baseAddress! + i
            let address =
              pointer.pointee.overflow.map { array in
                array.withUnsafeBufferPointer { UnsafeRawPointer($0.baseAddress!) }
              } ?? UnsafeRawPointer(pointer)
            operands[i] = fb_operand(
              data: operand.pointer, dtype: fb_dtype(operand.dtype.rawValue), kind: kind,
              strides: address.assumingMemoryBound(to: Int64.self))
          }
          defer { (strides.baseAddress!).deinitialize(count: inputs.count + outputs.count) }
          for i in 0..<parameters.count { scalars[i] = fb_scalar(parameters[i]) }
          for i in 0..<constants.count { scalars[parameters.count + i] = fb_scalar(constants[i]) }
          let body = { (range: Range<Int>) -> Int32 in
            shape.withUnsafePointer { sizes in
              fb_elementwise(
                code, steps, operands.baseAddress, Int32(inputs.count), scalars.baseAddress,
                Int32(parameters.count + constants.count), operands.baseAddress! + inputs.count, registers,
                Int32(outputs.count), computeCode, Int32(shape.count), sizes, Int64(range.lowerBound),
                Int64(range.upperBound))
            }
          }
          if count <= Self.grain { return body(0..<count) }
          let flags = FlagBox()
          // Long stretches, so that the hardware reads ahead; four a thread, so that a busy core delays little.
          let grain = max(Self.grain, (count / (4 * ThreadPool.threadCount) + 4095) / 4096 * 4096)
          ThreadPool.run(count: count, grain: grain) { range in flags.insert(body(range)) }
          return flags.value
        }
      }
    }
  }
}

extension fb_scalar {
  init(_ value: Scalar) { self.init(i: Int64(value.int), re: value.double, im: value.imaginary) }
}
