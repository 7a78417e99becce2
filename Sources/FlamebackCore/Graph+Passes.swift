import FlamebackKernels

extension Graph {
  /// Without the instructions and constants that no output needs; random numbers are drawn all the same.
  package func withoutUnused() -> Graph {
    var needed = Set(outputs)
    var kept: [Instruction] = []
    for instruction in instructions.reversed()
    where instruction.primitive.isRandom || instruction.outputs.contains(where: needed.contains) {
      kept.append(instruction)
      needed.formUnion(instruction.inputs)
    }
    var result = self
    result.instructions = kept.reversed()
    result.constants = constants.filter { needed.contains($0.key) }
    result.names = names.filter { needed.contains($0.key) }
    result.regions = []
    return result
  }

  /// What follows from constants alone is computed now.
  package func foldingConstants() -> Graph { folding { _ in true } }

  /// New tensors that depend on nothing (zeros, ranges) become constants.
  package func foldingCreations() -> Graph { folding(\.inputs.isEmpty) }

  private func folding(_ isTaken: (Instruction) -> Bool) -> Graph {
    var result = self
    var kept: [Int] = []  // the places of instructions that stay
    result.instructions = []
    for (place, instruction) in instructions.enumerated() {
      guard !instruction.primitive.isRandom, isTaken(instruction),
        instruction.inputs.allSatisfy({ result.constants[$0] != nil })
      else {
        result.instructions.append(instruction)
        kept.append(place)
        continue
      }
      let values = noGrad { Graph.run(instruction.primitive, instruction.inputs.map { result.constants[$0]! }) }
      for (i, value) in zip(instruction.outputs, values) { result.constants[i] = value }
    }
    func moved(_ place: Int) -> Int { kept.count { $0 < place } }
    result.regions = regions.map { region in
      Region(
        instructions: moved(region.instructions.lowerBound)..<moved(region.instructions.upperBound),
        region: region.region, inputs: region.inputs, outputs: region.outputs)
    }
    return result
  }

  /// The constant of that name becomes one more input.
  package mutating func makeInput(_ name: String) {
    guard let i = names.first(where: { $0.value == name })?.key else { return }
    constants[i] = nil
    names[i] = nil
    inputs.append(i)
  }

  /// A new constant's number.
  package mutating func addConstant(_ tensor: Tensor) -> Int {
    specs.append(tensor.spec)
    constants[specs.count - 1] = tensor
    return specs.count - 1
  }

  package mutating func replaceInstructions(_ change: ([Instruction]) -> [Instruction]) {
    instructions = change(instructions)
    regions = []
  }
}
