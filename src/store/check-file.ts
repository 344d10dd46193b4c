/** Entry of a thread that reads a whole SQLite file and says whether it is sound. */
import { parentPort, workerData } from 'node:worker_threads';
import { connectSqlite, healthOf } from './open-sqlite.ts';

const db = connectSqlite(workerData as string, { readonly: true });
parentPort?.postMessage(healthOf(db));
db.close();
