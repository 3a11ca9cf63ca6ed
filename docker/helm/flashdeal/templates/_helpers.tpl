{{- define "flashdeal.name" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains .Chart.Name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* What a selector selects by; never to be changed. */}}
{{- define "flashdeal.selector" -}}
app.kubernetes.io/name: flashdeal
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "flashdeal.labels" -}}
{{ include "flashdeal.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "flashdeal.image" -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}

{{- /* Of a pod: a user without rights. */}}
{{- define "flashdeal.user" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- /* Of a container: nothing to write to, nothing to gain. */}}
{{- define "flashdeal.locked" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* What the Job that migrates needs is made before it, and gone after it. */}}
{{- define "flashdeal.hook" -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ .weight | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{- /* Of both containers of the Job that migrates. */}}
{{- define "flashdeal.migrator" -}}
env:
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef:
        name: {{ .Values.secrets.migrator.name }}
        key: DATABASE_URL
resources:
  {{- toYaml .Values.migrate.resources | nindent 2 }}
securityContext:
  {{- include "flashdeal.locked" . | nindent 2 }}
{{- end }}
