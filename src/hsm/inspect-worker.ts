/** Entry of the process that probes a token: one request, one answer. */
import { toFailure } from './errors.ts';
import { inspect, privateObjects } from './inspect.ts';
import type { InspectionAnswer, InspectionRequest } from './inspection.ts';
import { connect, findSlot, loadModule } from './module.ts';

process.once('message', async (request: InspectionRequest) => {
  const answer = await carryOut(request);
  process.send?.(answer);
});

async function carryOut(request: InspectionRequest): Promise<InspectionAnswer> {
  try {
    const shownBefore = privateObjects(findSlot(loadModule(request.module, request.libraryParameters), request.label));
    return { is: 'done', inspection: inspect(await connect(request), shownBefore) };
  } catch (error) {
    return { is: 'failed', ...toFailure(error) };
  }
}
