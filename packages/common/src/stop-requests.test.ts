import { expect, it } from 'vitest';
import { SAME_REQUEST_MS, StopRequests } from './stop-requests.js';

it('takes what a scheduler repeats as one request, and what a person asks later as another', () => {
  const requests = new StopRequests();
  const after = [0, 1, SAME_REQUEST_MS - 1, SAME_REQUEST_MS, SAME_REQUEST_MS + 1].map((ms) =>
    requests.count(5_000 + ms),
  );
  expect(after).toEqual(['first', 'same', 'same', 'again', 'again']);
});
