import FlamebackTesting
import Testing

/// What the records promise, one test for each promise and record.
@Suite struct OpRecordTests {
  @Test(arguments: OpRecord.all) func values(_ record: OpRecord) throws { try record.checkValues() }
  @Test(arguments: OpRecord.all) func layouts(_ record: OpRecord) throws { try record.checkLayouts() }
  @Test(arguments: OpRecord.all) func gradients(_ record: OpRecord) throws { try record.checkGradients() }
  @Test(arguments: OpRecord.all) func reference(_ record: OpRecord) throws { try record.checkReference() }
  @Test(arguments: OpRecord.all) func graphs(_ record: OpRecord) throws { try record.checkGraphs() }
  @Test(arguments: OpRecord.all) func errors(_ record: OpRecord) throws { try record.checkErrors() }
}

/// The number of threads is one for the whole process.
@Suite(.serialized) struct OpThreadTests {
  @Test(arguments: OpRecord.all) func threads(_ record: OpRecord) throws { try record.checkThreads() }
}
